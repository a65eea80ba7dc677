# METADATA
# title: Who may ask OPA what
# description: Decisions may be asked for and health looked at; nothing may be written, and no data may be read.
package system.authz

# METADATA
# entrypoint: true
# title: A request is allowed
# description: Used by `opa run --authorization=basic`.
default allow := false

allow if {
	input.method == "POST"
	input.path = ["v1", "data", "assay", gate, "decision"]
	gate in {"intake", "licences", "training", "review", "release", "routes", "data_review", "data_approval", "erasure", "mentions"}
}

allow if {
	input.method == "GET"
	input.path[0] in {"health", "metrics"}
}
