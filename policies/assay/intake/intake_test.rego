package assay.intake_test

import data.assay.intake
import data.assay.testing_test as t

row := {
	"row_id": t.digest("1"),
	"licences": ["Apache-2.0"],
	"consent": "granted",
	"purposes": ["train-tenant-model"],
	"findings": [],
	"language": "en",
}

facts := {
	"tenant": "acme",
	"purpose": "train-tenant-model",
	"now": "2026-11-24T12:00:00Z",
	"source": {
		"name": "support",
		"system": "crm",
		"owner": "ann@acme.example",
		"licence": "Apache-2.0",
		"licences": ["Apache-2.0"],
		"purposes": ["train-tenant-model"],
		"consent": "granted",
		"retention_days": 365,
		"tier": "curated",
		"people": "real",
		"regulated": true,
		"systems": ["crm"],
		"assessments": [{"system": "crm", "valid_until": "2027-01-01T00:00:00Z", "scope": ["train-tenant-model"]}],
		"synthetic_depth": 0,
	},
	"rows": [row],
}

decided(input_) := decision if decision := intake.decision with input as input_

with_source(name, value) := decided(t.changed(facts, ["source", name], value))

source_refused(name, value) := t.codes(with_source(name, value).violations)

with_row(name, value) := decided(t.changed(facts, ["rows", 0, name], value)).rows[0]

test_accepts_clean_rows_of_a_permitted_source if {
	decided(facts) == {
		"allow": true,
		"violations": set(),
		"warnings": set(),
		"rows": [{"row_id": t.digest("1"), "action": "accept", "violations": set(), "treatments": {}}],
	}
}

# The licence expression is only said in messages; its ids decide. With an assessment in force it does not matter
# whether the source is regulated. Persons are real until stated otherwise, and all languages are wanted.
unneeded := {["source", "licence"], ["source", "regulated"], ["source", "people"], ["rows", 0, "language"]}

test_refuses_whatever_is_missing if {
	every path in t.paths(facts) - unneeded {
		fails(decided(t.without(facts, path)))
	}
}

fails(decision) if decision.allow == false

fails(decision) if {
	some decided_row in decision.rows
	decided_row.action == "refuse"
}

test_answers_whatever_stands_in_place_of_a_fact if {
	every document in t.odd(facts) {
		is_boolean(decided(document).allow)
	}
}

test_refuses_nothing_at_all if {
	"INTAKE_FACTS_MISSING" in t.codes(decided({}).violations)
	not decided("what").allow
	decided({}).rows == []
}

test_refuses_without_its_tunables if {
	not intake.decision.allow with input as facts with data.tunables as {}
	every name in ["licences", "consent", "sources"] {
		not intake.decision.allow with input as facts with data.tunables as t.without(data.tunables, [name])
	}
}

test_refused_source_refuses_all_its_rows if {
	decision := with_source("consent", "withdrawn")
	decision.rows[0].action == "refuse"
	t.codes(decision.rows[0].violations) == {"CONSENT_MISSING"}
}

test_refuses_licence_outside_the_matrix if {
	source_refused("licences", ["Apache-2.0", "CC-BY-NC-4.0"]) == {"LICENCE_NOT_PERMITTED"}
	source_refused("licences", []) == {"LICENCE_NOT_PERMITTED"}
}

test_one_permitted_way_to_comply_is_enough if {
	source_refused("licences", [["GPL-3.0-only"], ["MIT"]]) == set()
	source_refused("licences", [["GPL-3.0-only"], ["ISC", "MIT"]]) == {"LICENCE_NOT_PERMITTED"}
	source_refused("licences", [[]]) == {"LICENCE_NOT_PERMITTED"}
}

test_refuses_purpose_that_was_not_granted if source_refused("purposes", ["evaluate"]) == {"PURPOSE_NOT_PERMITTED"}

test_refuses_without_consent if source_refused("consent", "unknown") == {"CONSENT_MISSING"}

shared := object.union(facts, {
	"purpose": "train-shared-model",
	"source": object.union(facts.source, {
		"licences": ["LicenseRef-tenant-agreement"],
		"purposes": ["train-shared-model"],
		"consent": "contract",
		"improves_shared_models": true,
		"regulated": false,
		"assessments": [],
	}),
	"rows": [],
})

shared_refused(name, value) := t.codes(decided(t.changed(shared, ["source", name], value)).violations)

test_allows_tenant_data_in_shared_model_under_contract if decided(shared).allow

test_refuses_tenant_data_in_shared_model_without_contract if {
	shared_refused("consent", "granted") == {"SHARED_USE_WITHOUT_CONTRACT"}
	shared_refused("consent", "not-required") == {"SHARED_USE_WITHOUT_CONTRACT"}
}

test_refuses_tenant_data_in_shared_model_when_its_customer_did_not_agree if {
	every value in [false, null, "true", 1] {
		shared_refused("improves_shared_models", value) == {"SHARED_USE_WITHOUT_CONTRACT"}
	}
	silent := t.without(shared, ["source", "improves_shared_models"])
	t.codes(decided(silent).violations) == {"SHARED_USE_WITHOUT_CONTRACT"}
}

test_tenant_data_without_its_customers_word_still_serves_the_tenant if {
	every purpose in {"train-tenant-model", "evaluate"} {
		asked := object.union(shared, {
			"purpose": purpose,
			"source": object.union(shared.source, {"purposes": [purpose], "improves_shared_models": false}),
		})
		decided(asked).allow
	}
}

test_tenant_data_hides_behind_no_choice if {
	chosen := [["LicenseRef-tenant-agreement"], ["MIT"]]
	asked := t.changed(t.changed(shared, ["source", "licences"], chosen), ["source", "improves_shared_models"], false)
	t.codes(decided(asked).violations) == {"SHARED_USE_WITHOUT_CONTRACT"}
}

# Nobody's customer data, and nobody's customer to ask.
open := object.union(shared, {
	"source": object.union(t.without(shared, ["source", "improves_shared_models"]).source, {
		"licences": ["CC0-1.0"],
		"consent": "not-required",
		"people": "public",
	}),
	"rows": [object.union(row, {"licences": ["CC0-1.0"], "purposes": ["train-shared-model"]})],
})

test_allows_open_data_in_shared_model if {
	decision := decided(open)
	decision.allow
	decision.rows[0].action == "accept"
}

test_refuses_shared_use_when_nobody_says_what_tenants_own if {
	not intake.decision.allow with input as open with data.tunables.licences.tenant_owned as []
}

assessment := facts.source.assessments[0]

test_refuses_regulated_source_without_assessment_in_force if {
	source_refused("assessments", []) == {"DPIA_MISSING"}
	source_refused("assessments", null) == {"DPIA_MISSING"}
	every changes in [{"system": "erp"}, {"valid_until": "2026-11-24T11:59:59Z"}, {"scope": ["evaluate"]}] {
		source_refused("assessments", [object.union(assessment, changes)]) == {"DPIA_MISSING"}
	}
}

test_source_that_does_not_say_whether_it_is_regulated_needs_an_assessment if {
	silent := t.without(t.changed(facts, ["source", "assessments"], []), ["source", "regulated"])
	t.codes(decided(silent).violations) == {"DPIA_MISSING"}
}

unregulated(systems, assessments) := t.codes(decided(object.union(facts, {"source": object.union(facts.source, {
	"regulated": false,
	"systems": systems,
	"assessments": assessments,
})})).violations)

test_unregulated_source_needs_no_assessment if unregulated(["crm"], []) == set()

test_regulated_system_that_hides_behind_a_source_needs_its_own_assessment if {
	hidden := ["crm", "patient-portal"]
	unregulated(hidden, []) == {"DPIA_MISSING"}
	unregulated(hidden, [assessment]) == {"DPIA_MISSING"}
	unregulated(hidden, [assessment, object.union(assessment, {"system": "patient-portal"})]) == set()
}

test_source_that_leaves_its_systems_out_needs_an_assessment if {
	unregulated([], []) == {"DPIA_MISSING"}
	unregulated(["erp"], []) == {"DPIA_MISSING"}
}

test_refuses_unbounded_retention if {
	source_refused("retention_days", 0) == {"RETENTION_UNBOUNDED"}
	source_refused("retention_days", 36500) == {"RETENTION_UNBOUNDED"}
}

test_refuses_tier_for_the_purpose if source_refused("tier", "found-somewhere") == {"TIER_NOT_PERMITTED"}

test_refuses_deep_synthetic_lineage if {
	source_refused("synthetic_depth", 2) == {"SYNTHETIC_TOO_DEEP"}
	source_refused("synthetic_depth", -1) == {"SYNTHETIC_TOO_DEEP"}
}
