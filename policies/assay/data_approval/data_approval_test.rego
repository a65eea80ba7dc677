package assay.data_approval_test

import data.assay.data_approval
import data.assay.testing_test as t

facts := {
	"tenant": "acme",
	"purpose": "train-tenant-model",
	"requested_by": "ann@acme.example",
	"now": "2026-11-24T12:00:00Z",
	"source": {"name": "support", "system": "crm", "owner": "olga@acme.example", "terms": t.digest("a")},
	"approval": {
		"owner": "olga@acme.example",
		"terms": t.digest("a"),
		"scope": ["train-tenant-model", "evaluate"],
		"valid_until": "2027-06-30T00:00:00Z",
	},
}

decided(input_) := decision if decision := data_approval.decision with input as input_

changed(name, value) := t.codes(decided(t.changed(facts, ["approval", name], value)).violations)

test_takes_the_word_of_the_owner if decided(facts) == {"allow": true, "violations": set(), "warnings": set()}

# The scope holds what is asked for; what else it holds is said for other questions.
test_refuses_whatever_is_missing if {
	every path in t.paths(facts) - {["approval", "scope", 1]} {
		not decided(t.without(facts, path)).allow
	}
}

test_answers_whatever_stands_in_place_of_a_fact if {
	every document in t.odd(facts) {
		is_boolean(decided(document).allow)
	}
}

test_refuses_nothing_at_all if {
	"APPROVAL_FACTS_MISSING" in t.codes(decided({}).violations)
	not decided("what").allow
}

test_refuses_without_its_tunables if {
	not data_approval.decision.allow with input as facts with data.tunables as {}
}

test_nobody_but_the_owner_approves if {
	changed("owner", "ann@acme.example") == {"APPROVAL_NOT_BY_OWNER"}
	changed("owner", "olga+data@acme.example") == set()
}

test_refuses_terms_that_nobody_asked_for if changed("terms", t.digest("b")) == {"APPROVAL_TERMS_CHANGED"}

test_refuses_purpose_outside_its_scope if {
	changed("scope", ["evaluate"]) == {"APPROVAL_OUT_OF_SCOPE"}
	changed("scope", []) == {"APPROVAL_OUT_OF_SCOPE"}
}

test_refuses_what_has_expired if changed("valid_until", "2026-11-24T12:00:00Z") == {"APPROVAL_NOT_IN_FORCE"}

test_refuses_what_has_no_end if changed("valid_until", "2029-01-01T00:00:00Z") == {"APPROVAL_TOO_LONG"}
