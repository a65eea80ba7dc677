package assay.licences_test

import data.assay.licences
import data.assay.testing_test as t

term(expression, ways, rows) := {"expression": expression, "licences": ways, "rows": rows}

facts := {
	"purpose": "train-tenant-model",
	"base": {"licence": "Apache-2.0", "licences": ["Apache-2.0"]},
	"terms": [term("CC0-1.0", ["CC0-1.0"], 12)],
}

decided(input_) := decision if decision := licences.decision with input as input_

with_terms(terms) := decided(object.union(facts, {"terms": terms}))

verdict(expression, ways) := with_terms([term(expression, ways, 7)]).terms[0]

test_allows_what_asks_for_nothing if {
	decided(facts) == {
		"allow": true,
		"violations": set(),
		"warnings": set(),
		"outcome": "allowed",
		"terms": [{
			"expression": "CC0-1.0",
			"rows": 12,
			"outcome": "allowed",
			"chosen": ["CC0-1.0"],
			"obligations": set(),
		}],
	}
}

# The expression of the base is only said in messages; its ways decide.
test_refuses_whatever_is_missing if {
	every path in t.paths(facts) - {["base", "licence"]} {
		not decided(t.without(facts, path)).allow
	}
}

test_answers_whatever_stands_in_place_of_a_fact if {
	every document in t.odd(facts) {
		decision := decided(document)
		is_boolean(decision.allow)
		decision.outcome in {"allowed", "allowed with notice", "refused"}
	}
}

test_refuses_nothing_at_all if {
	"LICENCE_FACTS_MISSING" in t.codes(decided({}).violations)
	not decided("what").allow
	decided({}).outcome == "refused"
}

test_refuses_without_its_tunables if not licences.decision.allow with input as facts with data.tunables as {}

test_allows_with_notice_and_says_for_how_many_rows if {
	decision := with_terms([term("MIT", ["MIT"], 30), term("CC0-1.0", ["CC0-1.0"], 2)])
	decision.allow
	decision.outcome == "allowed with notice"
	t.codes(decision.warnings) == {"LICENCE_NOTICE_ASKED"}
	{warning.msg | some warning in decision.warnings} == {"30 rows under MIT ask for notice"}
}

test_refuses_with_the_row_counts_behind_it if {
	decision := with_terms([term("MIT", ["MIT"], 30), term("CC-BY-NC-4.0", ["CC-BY-NC-4.0"], 4)])
	decision.outcome == "refused"
	t.codes(decision.violations) == {"LICENCE_OF_ROWS_REFUSED"}
	{v.msg | some v in decision.violations} == {"4 rows under CC-BY-NC-4.0 may not be used"}
}

test_or_lets_the_house_choose_a_permitted_way if {
	chosen := verdict("GPL-3.0-only OR MIT", [["GPL-3.0-only"], ["MIT"]])
	chosen.outcome == "allowed with notice"
	chosen.chosen == ["MIT"]
}

test_of_permitted_ways_the_one_that_asks_for_least_is_chosen if {
	verdict("MIT OR CC0-1.0", [["MIT"], ["CC0-1.0"]]).outcome == "allowed"
	verdict("MIT OR Apache-2.0", [["MIT"], ["Apache-2.0"]]).chosen == ["Apache-2.0"]
}

test_and_asks_for_all if {
	verdict("GPL-3.0-only AND MIT", ["GPL-3.0-only", "MIT"]).outcome == "refused"
	verdict("MIT AND ISC OR GPL-3.0-only", [["ISC", "MIT"], ["GPL-3.0-only"]]).outcome == "refused"
}

test_with_adds_permission_only_when_the_exception_is_known if {
	verdict("Apache-2.0 WITH LLVM-exception", ["Apache-2.0 WITH LLVM-exception"]).outcome == "allowed with notice"
	verdict("MIT WITH u-boot-exception-2.0", ["MIT WITH u-boot-exception-2.0"]).outcome == "refused"
	verdict("GPL-2.0-only WITH Classpath-exception-2.0", ["GPL-2.0-only WITH Classpath-exception-2.0"]).outcome == "refused"
}

test_no_base_is_chosen_yet if decided(object.union(facts, {"base": null})).allow

test_refuses_base_outside_the_matrix if {
	llama := {"licence": "LicenseRef-llama", "licences": ["LicenseRef-llama"]}
	t.codes(decided(t.changed(facts, ["base"], llama)).violations) == {"LICENCE_OF_BASE_REFUSED"}
}

test_base_of_two_licences_is_used_under_one if {
	dual := {"licence": "LicenseRef-llama OR MIT", "licences": [["LicenseRef-llama"], ["MIT"]]}
	decided(t.changed(facts, ["base"], dual)).allow
}

# A house that takes share-alike rows and a model licence: what its lawyers would have to read together.
open_house := object.union(data.tunables.licences, {
	"rows": {"train-tenant-model": ["CC-BY-SA-4.0", "GPL-3.0-only", "MIT", "LicenseRef-own"]},
	"bases": {"train-tenant-model": ["LicenseRef-rail", "Apache-2.0"]},
	"obligations": object.union(data.tunables.licences.obligations, {"LicenseRef-rail": ["notice", "use-restrictions"]}),
})

rail := {"licence": "LicenseRef-rail", "licences": ["LicenseRef-rail"]}

in_open_house(terms, base) := decision if {
	asked := {"purpose": "train-tenant-model", "base": base, "terms": terms}
	decision := licences.decision with input as asked with data.tunables.licences as open_house
}

share_alike := term("CC-BY-SA-4.0", ["CC-BY-SA-4.0"], 9)

test_licence_of_the_base_and_of_rows_decide_together if {
	in_open_house([share_alike], facts.base).allow
	t.codes(in_open_house([share_alike], rail).violations) == {"LICENCE_OF_ROWS_REFUSED"}
	dual := term("CC-BY-SA-4.0 OR MIT", [["CC-BY-SA-4.0"], ["MIT"]], 9)
	in_open_house([dual], rail).terms[0].chosen == ["MIT"]
}

test_two_share_alike_licences_stand_in_no_one_model if {
	decision := in_open_house([share_alike, term("GPL-3.0-only", ["GPL-3.0-only"], 1)], facts.base)
	t.codes(decision.violations) == {"LICENCES_OF_ROWS_CONFLICT"}
	{v.msg | some v in decision.violations} == {"rows under CC-BY-SA-4.0 and GPL-3.0-only cannot be in one model"}
	in_open_house([share_alike, share_alike], facts.base).allow
}

test_licence_that_nobody_has_read_asks_for_notice if {
	in_open_house([term("LicenseRef-own", ["LicenseRef-own"], 1)], facts.base).terms[0].obligations == {"notice"}
}
