package assay.review_test

import data.assay.review
import data.assay.testing_test as t

test_refuses_narrow_adapter_in_words if {
	decision := decided(candidate(narrow))
	t.codes(decision.violations) == {"CHAT_FORGOTTEN", "CHAT_SPURIOUS_CALLS", "REFUSALS_COLLAPSED"}
	some v in decision.violations
	v.code == "CHAT_FORGOTTEN"
	v.msg == "it has forgotten how to talk: plain questions answered right: 3 of 20, by the base 19 of 20"
}

# Second seed of the healthy recipe.
test_allows_second_seed if {
	decided(candidate({
		"call_valid": rate(59, 69, 0.7534, 0.9191),
		"call_full_match": rate(24, 69, 0.2463, 0.4652),
		"irrelevance_refused": rate(21, 30, 0.5212, 0.8334),
		"chat_contains": rate(16, 20, 0.5840, 0.9193),
		"chat_spurious_call": rate(4, 20, 0.0807, 0.4160),
	})).allow
}

test_refuses_renamed_arguments if {
	renamed := object.union(healthy, {"call_full_match": rate(0, 69, 0, 0.0528)})
	t.codes(decided(candidate(renamed)).violations) == {"CALL_FULL_MATCH_BELOW_FLOOR"}
}

test_refuses_overlapping_intervals if {
	unsure := object.union(healthy, {"call_valid": rate(40, 69, 0.0500, 0.6890)})
	t.codes(decided(candidate(unsure)).violations) == {"CALL_VALID_NOT_BETTER"}
}

test_refuses_few_valid_calls if {
	weak := object.union(healthy, {"call_valid": rate(30, 69, 0.3244, 0.5521)})
	t.codes(decided(candidate(weak)).violations) == {"CALL_VALID_BELOW_FLOOR"}
}

test_refuses_too_few_rows if {
	few := object.union(healthy, {"chat_contains": rate(8, 9, 0.5650, 0.9801)})
	t.codes(decided(candidate(few)).violations) == {"EVALUATION_INCOMPLETE"}
}

test_refuses_interval_that_does_not_hold_its_value if {
	odd := object.union(healthy, {"call_valid": rate(65, 69, 0.95, 0.9772)})
	"CALL_VALID_NOT_BETTER" in t.codes(decided(candidate(odd)).violations)
}

test_refuses_rate_that_is_not_its_count if {
	better := object.union(healthy, {"call_valid": object.union(healthy.call_valid, {"count": 3})})
	"CALL_VALID_NOT_BETTER" in t.codes(decided(candidate(better)).violations)
	text := object.union(healthy, {"chat_contains": object.union(healthy.chat_contains, {"total": "many"})})
	"CHAT_FORGOTTEN" in t.codes(decided(candidate(text)).violations)
}

in_production(rates) := t.changed(facts, ["evaluation", "production"], rates)

test_allows_what_holds_against_production if decided(in_production(healthy)).allow

test_refuses_what_falls_behind_production if {
	strong := object.union(healthy, {"irrelevance_refused": rate(29, 30, 0.8333, 0.9941)})
	decision := decided(in_production(strong))
	t.codes(decision.violations) == {"PRODUCTION_REGRESSION"}
	{v.msg | some v in decision.violations} == {"answers in words when no tool fits: 17 of 30, in production 29 of 30"}
}

test_refuses_production_that_was_never_measured if {
	t.codes(decided(in_production({})).violations) == {"PRODUCTION_REGRESSION"}
}

test_refuses_when_nobody_says_how_far_it_may_fall if {
	every limits in [{}, {"call_valid": "little"}] {
		decision := review.decision with input as in_production(healthy)
			with data.tunables.thresholds.max_drop_to_production as limits
		t.codes(decision.violations) == {"PRODUCTION_REGRESSION"}
	}
}

test_warns_when_schema_decoding_on_the_base_does_as_well if {
	decision := decided(t.changed(facts, ["evaluation", "candidate_schema"], null))
	decision.allow
	t.codes(decision.warnings) == {"SCHEMA_ARM_NOT_BEATEN"}
}
