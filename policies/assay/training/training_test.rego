package assay.training_test

import data.assay.testing_test as t
import data.assay.training

term(expression, ways, rows) := {"expression": expression, "licences": ways, "rows": rows}

facts := {
	"tenant": "acme",
	"model": "helpdesk",
	"purpose": "train-tenant-model",
	"requested_by": "ann@acme.example",
	"base": {"repository": "smol/base", "revision": "r1", "digest": t.digest("b"), "licence": "Apache-2.0", "licences": ["Apache-2.0"]},
	"datasets": [{
		"id": t.digest("d"),
		"tenant": "acme",
		"purpose": "train-tenant-model",
		"accepted": true,
		"sealed": true,
		"quarantined": false,
		"licences": [term("CDLA-Permissive-2.0", ["CDLA-Permissive-2.0"], 8), term("CC0-1.0", ["CC0-1.0"], 2)],
		"synthetic_share": 0.2,
	}],
	"mix": {
		"steps": 48,
		"drawn": 288,
		"human": {"rows": 900, "drawn": 192, "share": 0.666667},
		"gold": {"rows": 10, "drawn": 1, "share": 0.003472},
		"synthetic": {"rows": 273, "drawn": 96, "share": 0.333333},
		"deepest": 1,
		"missing_kinds": [],
	},
	"recipe": {"lora": {"rank": 16}},
	"budget": {"max_device_minutes": 60},
	"template": t.digest("e"),
}

refused(path, value) := codes if {
	codes := t.codes(training.decision.violations) with input as t.changed(facts, path, value)
}

dataset(name) := ["datasets", 0, name]

test_allows_own_accepted_dataset_within_budget if {
	decision := training.decision with input as facts
	decision.base == {"chosen": ["Apache-2.0"], "obligations": {"notice"}}
	object.remove(decision, ["licences", "base"]) == {"allow": true, "violations": set(), "warnings": set()}
	{verdict.outcome | some verdict in decision.licences} == {"allowed"}
}

test_refuses_whatever_is_missing if {
	every path in t.paths(facts) {
		not training.decision.allow with input as t.without(facts, path)
	}
}

test_answers_whatever_stands_in_place_of_a_fact if {
	every document in t.odd(facts) {
		decision := training.decision with input as document
		is_boolean(decision.allow)
	}
}

test_refuses_nothing_at_all if {
	"TRAINING_FACTS_MISSING" in t.codes(training.decision.violations) with input as {}
	not training.decision.allow with input as "what"
}

test_refuses_without_its_tunables if {
	not training.decision.allow with input as facts with data.tunables as {}
	every path in [["training", "budget", "default"], ["training", "max_rank"], ["training", "max_synthetic_share"], ["licences"]] {
		not training.decision.allow with input as facts with data.tunables as t.without(data.tunables, path)
	}
}

test_refuses_tunables_of_the_wrong_kind if {
	not training.decision.allow with input as facts with data.tunables.training.max_rank as "many"
	not training.decision.allow with input as facts with data.tunables.training.max_synthetic_share as 60
	not training.decision.allow with input as facts with data.tunables.training.budget as {"default": "plenty", "tenants": {}}
}

test_refuses_moving_base if "BASE_NOT_PINNED" in refused(["base", "digest"], "main")

test_refuses_licence_of_the_base if {
	refused(["base", "licences"], ["LicenseRef-llama"]) == {"BASE_LICENCE_NOT_PERMITTED"}
	refused(["base", "licences"], [["LicenseRef-llama"], ["MIT"]]) == set()
}

test_refuses_without_dataset if refused(["datasets"], []) == {"DATASETS_MISSING"}

test_refuses_dataset_outside_intake if {
	refused(dataset("accepted"), false) == {"DATASET_NOT_ACCEPTED"}
	refused(dataset("sealed"), false) == {"DATASET_NOT_ACCEPTED"}
}

test_refuses_quarantined_dataset if refused(dataset("quarantined"), true) == {"DATASET_QUARANTINED"}

test_refuses_dataset_of_another_tenant if refused(dataset("tenant"), "globex") == {"DATASET_OF_ANOTHER_TENANT"}

test_refuses_dataset_for_another_purpose if refused(dataset("purpose"), "evaluate") == {"DATASET_PURPOSE_DIFFERS"}

test_refuses_licence_of_a_dataset_with_the_rows_behind_it if {
	terms := [term("MIT", ["MIT"], 8), term("CC-BY-NC-4.0", ["CC-BY-NC-4.0"], 2)]
	decision := training.decision with input as t.changed(facts, dataset("licences"), terms)
	{v.msg | some v in decision.violations} == {sprintf("dataset %v has 2 rows under CC-BY-NC-4.0", [t.digest("d")])}
	t.codes(decision.violations) == {"DATASET_LICENCE_NOT_PERMITTED"}
	t.codes(decision.warnings) == {"TRAINING_NOTICE_ASKED"}
}

test_refuses_dataset_that_does_not_count_its_licences if {
	refused(dataset("licences"), []) == {"DATASET_LICENCES_MISSING"}
	"DATASET_LICENCES_MISSING" in refused(dataset("licences"), ["MIT"])
}

test_or_is_a_choice_of_the_house if {
	terms := [term("GPL-3.0-only OR MIT", [["GPL-3.0-only"], ["MIT"]], 8)]
	decision := training.decision with input as t.changed(facts, dataset("licences"), terms)
	decision.allow
	decision.licences[0].chosen == ["MIT"]
}

test_refuses_licences_that_cannot_be_kept_together if {
	terms := [term("CC-BY-SA-4.0", ["CC-BY-SA-4.0"], 1), term("GPL-3.0-only", ["GPL-3.0-only"], 1)]
	rows := {"train-tenant-model": ["CC-BY-SA-4.0", "GPL-3.0-only"]}
	decision := training.decision with input as t.changed(facts, dataset("licences"), terms) with data.tunables.licences.rows as rows
	t.codes(decision.violations) == {"DATASET_LICENCES_CONFLICT"}
}

test_refuses_mostly_synthetic_dataset if refused(dataset("synthetic_share"), 0.7) == {"SYNTHETIC_SHARE_EXCEEDED"}

test_refuses_mix_below_the_floor_of_people_with_the_rows_behind_it if {
	few := {"rows": 40, "drawn": 28, "share": 0.1}
	decision := training.decision with input as t.changed(facts, ["mix", "human"], few)
	t.codes(decision.violations) == {"MIX_HUMAN_FLOOR"}
	some v in decision.violations
	v.msg == "28 of 288 rows drawn are written by people (40 rows there); the floor is a share of 0.4"
}

test_refuses_mix_below_the_floor_of_gold if {
	decision := training.decision with input as facts with data.tunables.mixes.min_gold_share as 0.05
	t.codes(decision.violations) == {"MIX_GOLD_FLOOR"}
}

test_refuses_mix_that_draws_what_models_made_of_models if refused(["mix", "deepest"], 2) == {"MIX_TOO_DEEP"}

test_refuses_mix_that_is_not_planned if {
	refused(["mix", "missing_kinds"], ["refusal"]) == {"MIX_NOT_PLANNED"}
	"MIX_NOT_PLANNED" in refused(["mix"], null)
}

test_refuses_floors_of_the_wrong_kind if {
	not training.decision.allow with input as facts with data.tunables.mixes.min_human_share as "some"
	not training.decision.allow with input as facts with data.tunables.mixes.max_synthetic_depth as "some"
	every name in ["min_human_share", "min_gold_share", "max_synthetic_depth"] {
		not training.decision.allow with input as facts with data.tunables.mixes as t.without(data.tunables.mixes, [name])
	}
}

test_refuses_what_costs_more_than_the_allowance if {
	refused(["budget", "max_device_minutes"], 121) == {"BUDGET_EXCEEDED"}
	refused(["budget", "max_device_minutes"], 0) == {"BUDGET_EXCEEDED"}
}

test_allowance_of_a_tenant_goes_before_the_default if {
	tenants := {"default": 1, "tenants": {"acme": 60}}
	training.decision.allow with input as facts with data.tunables.training.budget as tenants
}

test_refuses_high_rank_and_no_rank if {
	refused(["recipe", "lora", "rank"], 128) == {"RANK_EXCEEDED"}
	refused(["recipe", "lora", "rank"], 0) == {"RANK_EXCEEDED"}
}
