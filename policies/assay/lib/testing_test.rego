# METADATA
# title: Helpers of the tests
# description: A gate that is asked about less than everything must not allow; these list what "less" can be.
package assay.testing_test

# Every path of a document below its root, the inner ones included.
paths(document) := {path |
	walk(document, [path, _])
	count(path) > 0
}

# The document without the value at `path`; array elements are replaced by null, since removing one shifts the others.
without(document, path) := json.patch(document, [{"op": op, "path": path}]) if {
	op := "remove"
	not is_number(path[count(path) - 1])
}

without(document, path) := json.patch(document, [{"op": "replace", "path": path, "value": null}]) if {
	is_number(path[count(path) - 1])
}

changed(document, path, value) := json.patch(document, [{"op": "add", "path": path, "value": value}])

# Each document in which something of another kind stands in one place. An error inside a rule would be an undefined
# decision, and the refusal would have no reason.
odd(document) := [json.patch(document, [{"op": "replace", "path": path, "value": {"a": -1}}]) | some path in paths(document)]

codes(violations) := {v.code | some v in violations}

digest(letter) := concat("", ["sha256:", concat("", [letter | some _ in numbers.range(1, 64)])])
