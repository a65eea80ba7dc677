package system.authz_test

import data.system.authz

asks(method, path) if authz.allow with input as {"method": method, "path": path}

test_gates_may_be_asked if {
	every gate in ["intake", "licences", "training", "review", "release", "routes", "data_review", "data_approval", "erasure", "mentions"] {
		asks("POST", ["v1", "data", "assay", gate, "decision"])
	}
}

test_health_may_be_looked_at if asks("GET", ["health"])

test_nothing_else_may_be_asked if {
	not asks("GET", ["v1", "data", "tunables"])
	not asks("POST", ["v1", "data", "assay", "review"])
	not asks("PUT", ["v1", "policies", "assay"])
	not asks("PATCH", ["v1", "data", "tunables"])
	not asks("GET", [])
}
