package assay.erasure_test

import data.assay.erasure
import data.assay.testing_test as t

facts := {
	"case": "acme.51d0e2aa17cc",
	"tenant": "acme",
	"tenant_known": true,
	"ground": "erasure",
	"role": "privacy",
	"requested_by": "pia@acme.example",
	"selects": {"subject": true, "mentions": 0, "dataset": null},
	"dataset_tenant": null,
	"deadline_days": 30,
	"retrain": false,
}

of_dataset := object.union(facts, {
	"ground": "retention",
	"role": "owner",
	"selects": {"subject": false, "mentions": 0, "dataset": t.digest("a")},
	"dataset_tenant": "acme",
})

decided(input_) := decision if decision := erasure.decision with input as input_

changed(path, value) := t.codes(decided(t.changed(facts, path, value)).violations)

test_takes_an_order_of_who_may_give_it if decided(facts) == {"allow": true, "violations": set(), "warnings": set()}

test_takes_rows_of_a_dataset_whose_time_is_over if decided(of_dataset).allow

test_takes_values_that_name_a_person if {
	decided(object.union(facts, {"selects": {"subject": false, "mentions": 2, "dataset": null}})).allow
}

test_refuses_whatever_is_missing if {
	"ERASURE_FACTS_MISSING" in t.codes(decided({}).violations)
	every path in t.paths(facts) - {["retrain"], ["selects", "mentions"]} {
		not decided(t.without(facts, path)).allow
	}
}

test_refuses_a_tenant_of_whom_nothing_is_known if {
	"TENANT_UNKNOWN" in changed(["tenant_known"], false)
	every odd in [null, "true", 1] {
		changed(["tenant_known"], odd) == {"ERASURE_FACTS_MISSING"}
	}
	t.codes(decided(t.without(facts, ["tenant_known"])).violations) == {"ERASURE_FACTS_MISSING"}
}

test_refuses_a_role_that_may_not if {
	"ERASURE_ROLE_MISSING" in changed(["role"], "reviewer")
	"ERASURE_ROLE_MISSING" in changed(["ground"], "boredom")
	"ERASURE_ROLE_MISSING" in t.codes(decided(object.union(of_dataset, {"role": "legal"})).violations)
}

test_says_which_roles_may if {
	every case in [["reviewer", "privacy or owner or legal may"], [null, "privacy or owner or legal may"]] {
		some violation in decided(t.changed(facts, ["role"], case[0])).violations
		endswith(violation.msg, case[1])
	}
	some violation in decided(t.changed(facts, ["ground"], "boredom")).violations
	endswith(violation.msg, "nobody may")
}

test_no_roles_are_nobody_s if {
	every odd in [null, {}, {"erasure": null}, {"erasure": "privacy"}, {"erasure": [1]}] {
		decision := decided(facts) with data.tunables.erasure.roles as odd
		"ERASURE_ROLE_MISSING" in t.codes(decision.violations)
	}
}

test_refuses_what_selects_nothing_or_both if {
	"ERASURE_SELECTS_NOTHING" in changed(["selects", "subject"], false)
	"ERASURE_SELECTS_NOTHING" in changed(["selects", "dataset"], t.digest("a"))
	"ERASURE_SELECTS_NOTHING" in t.codes(decided(t.changed(of_dataset, ["selects", "subject"], true)).violations)
}

test_takes_nothing_but_a_number_for_values_that_name_a_person if {
	every odd in ["2", ["2"], {"2": 2}, true, null] {
		said := decided(object.union(facts, {"selects": {"subject": false, "mentions": odd, "dataset": null}}))
		"ERASURE_SELECTS_NOTHING" in t.codes(said.violations)
	}
}

test_refuses_a_dataset_of_another_tenant if {
	every owner in ["evil", null, ""] {
		"ERASURE_DATASET_FOREIGN" in t.codes(decided(t.changed(of_dataset, ["dataset_tenant"], owner)).violations)
	}
	"ERASURE_DATASET_FOREIGN" in changed(["dataset_tenant"], "acme")
}

test_refuses_a_deadline_that_is_too_late if {
	every days in [0, 31, "30"] {
		"ERASURE_DEADLINE_TOO_LATE" in changed(["deadline_days"], days)
	}
}
