package assay.review_test

import data.assay.review
import data.assay.testing_test as t

test_allows_healthy_adapter if decided(facts) == {"allow": true, "violations": set(), "warnings": set()}

# What is only said in words, or only warned about.
unguarded(path) if path[0] in {"now", "overrides"}

unguarded(path) if array.slice(path, 0, 2) in {["evaluation", "candidate_schema"], ["evaluation", "base_schema"]}

unguarded(path) if path in {["base", "repository"], ["base", "revision"]}

unguarded(["run", "adapters", 1])

# The base is compared in the other rates only.
unguarded(path) if {
	array.slice(path, 0, 2) == ["evaluation", "base"]
	path[2] in {"call_full_match", "chat_spurious_call"}
}

test_refuses_whatever_is_missing if {
	every path in {path | some path in t.paths(facts); not unguarded(path)} {
		not decided(t.without(facts, path)).allow
	}
}

test_answers_whatever_stands_in_place_of_a_fact if {
	every document in t.odd(facts) {
		is_boolean(decided(document).allow)
	}
}

test_refuses_nothing_at_all if {
	"REVIEW_FACTS_MISSING" in t.codes(decided({}).violations)
	not decided("what").allow
}

test_refuses_without_its_tunables if {
	not review.decision.allow with input as facts with data.tunables as {}
	every path in tunables_needed {
		not review.decision.allow with input as facts with data.tunables as t.without(data.tunables, path)
	}
}

tunables_needed := {
	["licences"],
	["evidence", "statements"],
	["thresholds", "min_rows"],
	["thresholds", "floors", "call_valid"],
	["thresholds", "floors", "call_full_match"],
	["thresholds", "floors", "irrelevance_refused"],
	["thresholds", "max_drop_to_base", "chat_contains"],
	["thresholds", "ceilings", "chat_spurious_call"],
}

test_refuses_tunables_of_the_wrong_kind if {
	not review.decision.allow with input as facts with data.tunables.thresholds.max_drop_to_base as {"chat_contains": 25}
	not review.decision.allow with input as facts with data.tunables.thresholds.floors.call_valid as "half"
	not review.decision.allow with input as facts with data.tunables.thresholds.min_rows as {"call_valid": "some"}
	not review.decision.allow with input as facts with data.tunables.evidence.statements as []
}

test_refuses_while_a_root_cause_is_open if {
	decision := decided(t.changed(facts, ["incidents"], [{"id": "rollout/acme/helpdesk/1"}]))
	t.codes(decision.violations) == {"ROOT_CAUSE_OPEN"}
	every v in decision.violations {
		v.overridable == false
	}
}

test_refuses_incomplete_card if refused(["card", "missing"], ["Intended use"]) == {"CARD_INCOMPLETE"}

test_refuses_adapter_of_no_run if {
	refused(["run"], null) == {"BASE_MISMATCH", "RUN_UNKNOWN"}
	refused(["run", "adapters"], [t.digest("f")]) == {"RUN_UNKNOWN"}
	refused(["run", "tenant"], "globex") == {"RUN_UNKNOWN"}
}

test_refuses_another_base if refused(["base", "digest"], t.digest("9")) == {"BASE_MISMATCH"}

test_refuses_licence_of_the_base if refused(["base", "licence"], "LicenseRef-llama") == {"BASE_LICENCE_FORBIDS"}

test_refuses_another_template if {
	refused(["template", "served"], t.digest("9")) == {"TEMPLATE_MISMATCH"}
	refused(["template", "evaluated"], t.digest("9")) == {"TEMPLATE_MISMATCH"}
}

test_refuses_unsigned_version if {
	refused(["signature", "verified"], false) == {"SIGNATURE_MISSING"}
	refused(["signature", "digest"], t.digest("9")) == {"SIGNATURE_MISSING"}
}

test_refuses_missing_statement if {
	refused(["statements"], []) == {"STATEMENT_MISSING"}
	refused(["statements", 0, "verified"], false) == {"STATEMENT_MISSING"}
	refused(["statements", 1, "subject"], t.digest("9")) == {"STATEMENT_MISSING"}
}
