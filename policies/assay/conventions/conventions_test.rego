package assay.conventions_test

import data.assay.conventions
import data.assay.testing_test as t

annotations(code, overridable) := [{
	"scope": "rule",
	"title": "A title",
	"description": "A description",
	"custom": {"code": code, "remedy": "a remedy", "overridable": overridable},
}]

verdict(code) := {
	"head": {"ref": [{"type": "var", "value": "deny"}]},
	"annotations": annotations(code, false),
	"body": [{"terms": {"type": "var", "value": "good"}, "negated": true}],
}

entrypoint := {
	"head": {"ref": [{"type": "var", "value": "decision"}]},
	"annotations": [{"entrypoint": true}],
	"body": [],
}

module(parts, rules) := {"path": concat("/", parts), "module": {
	"package": {"path": array.concat([{"value": "data"}], [{"value": part} | some part in parts])},
	"rules": rules,
}}

mentions(codes) := {
	"head": {"ref": [{"type": "var", "value": "test_codes"}]},
	"body": [{"terms": {"type": "string", "value": code}} | some code in codes],
}

gates := [module(["assay", gate], [entrypoint]) | some gate in other_gates]

other_gates := ["intake", "licences", "training", "review", "release", "data_review", "data_approval", "erasure"]

tidy(rules) := array.concat(gates, [
	module(["assay", "routes"], array.concat([entrypoint], rules)),
	module(["assay", "routes_test"], [mentions({"ROUTE_BAD", "ROUTE_WORSE"})]),
])

found(modules) := codes if {
	codes := t.codes(conventions.deny) with input as {"modules": modules} with data.tunables.overrides.roles as {}
}

changed(path, value) := tidy([t.changed(verdict("ROUTE_BAD"), path, value)])

test_accepts_tidy_policies if found(tidy([verdict("ROUTE_BAD"), verdict("ROUTE_WORSE")])) == set()

test_refuses_when_nothing_was_read if "CONVENTIONS_NOTHING_READ" in found([])

test_refuses_rule_without_metadata if {
	"CONVENTIONS_METADATA_MISSING" in found(changed(["annotations"], []))
	"CONVENTIONS_METADATA_MISSING" in found(changed(["annotations", 0, "description"], ""))
	"CONVENTIONS_METADATA_MISSING" in found(changed(["annotations", 0, "custom", "code"], "no code"))
	"CONVENTIONS_METADATA_MISSING" in found(changed(["annotations", 0, "custom", "overridable"], null))
}

test_refuses_code_that_two_rules_share if {
	found(tidy([verdict("ROUTE_BAD"), verdict("ROUTE_BAD")])) == {"CONVENTIONS_CODE_TWICE"}
}

test_refuses_code_that_no_test_mentions if found(tidy([verdict("ROUTE_NEW")])) == {"CONVENTIONS_NOT_TESTED"}

negated(operator, argument) := changed(["body"], [{"negated": true, "terms": [
	{"type": "ref", "value": [{"type": "var", "value": operator}]},
	argument,
	{"type": "number", "value": 1},
]}])

test_refuses_negated_call_on_what_may_be_absent if {
	found(negated("f", {"type": "ref", "value": []})) == {"CONVENTIONS_NEGATED_CALL"}
	found(negated("f", {"type": "call", "value": []})) == {"CONVENTIONS_NEGATED_CALL"}
}

test_accepts_negated_comparison_and_call_on_a_variable if {
	found(negated("equal", {"type": "ref", "value": []})) == set()
	found(negated("f", {"type": "var", "value": "row"})) == set()
}

test_refuses_when_metadata_and_data_differ_on_overrides if {
	found(changed(["annotations"], annotations("ROUTE_BAD", true))) == {"CONVENTIONS_OVERRIDES_DIFFER"}
	modules := tidy([verdict("ROUTE_BAD")])
	codes := t.codes(conventions.deny) with input as {"modules": modules}
		with data.tunables.overrides.roles as {"ROUTE_BAD": ["risk"]}
	codes == {"CONVENTIONS_OVERRIDES_DIFFER"}
}

test_refuses_gate_that_is_no_entrypoint if {
	found(array.slice(tidy([verdict("ROUTE_BAD")]), 1, 99)) == {"CONVENTIONS_NO_ENTRYPOINT"}
}
