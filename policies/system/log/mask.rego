# METADATA
# title: What decision logs do not show
# description: Names of people and free text. Row ids and subjects are digests already.
package system.log

mask contains {"op": "upsert", "path": path, "value": "masked"} if {
	some path in ["/input/requested_by", "/input/source/owner", "/input/reviewer", "/input/approval/owner"]
	present(path)
}

mask contains {"op": "upsert", "path": sprintf("/input/%s/%d/%s", [list, i, name]), "value": "masked"} if {
	some list in ["overrides", "approvals", "votes", "groups"]
	some i, entry in input.input[list]
	some name in ["reviewer", "reason", "comment", "requesters"]
	entry[name]
}

present(path) if {
	parts := array.slice(split(path, "/"), 2, 99)
	object.get(input.input, parts, null) != null
}
