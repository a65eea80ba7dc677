package assay.review_test

import data.assay.review
import data.assay.testing_test as t

overruled(change) := decided(object.union(candidate(narrow), {"overrides": [object.union(override, change)]}))

test_valid_override_moves_what_it_names_to_the_warnings if {
	decision := overruled({})
	decision.allow
	t.codes(decision.warnings) == {"CHAT_FORGOTTEN", "CHAT_SPURIOUS_CALLS", "REFUSALS_COLLAPSED"}
	every v in decision.warnings {
		startswith(v.msg, "overridden: ")
	}
}

test_override_leaves_what_it_does_not_name if {
	t.codes(overruled({"codes": ["CHAT_FORGOTTEN"]}).violations) == {"CHAT_SPURIOUS_CALLS", "REFUSALS_COLLAPSED"}
}

test_override_does_not_count if {
	every change in [
		{"reviewer": "ann@acme.example"},
		{"reviewer": ""},
		{"role": "legal"},
		{"card_diff": t.digest("9")},
		{"reason": ""},
	] {
		decision := overruled(change)
		not decision.allow
		"OVERRIDE_NOT_COUNTED" in t.codes(decision.warnings)
	}
}

test_role_overrides_only_what_it_may if {
	t.codes(overruled({"role": "owner"}).violations) == {"REFUSALS_COLLAPSED"}
}

test_integrity_and_root_causes_are_never_overridable if {
	broken := object.union(facts, {
		"signature": null,
		"incidents": [{"id": "i"}],
		"template": null,
		"overrides": [object.union(override, {"codes": ["SIGNATURE_MISSING", "ROOT_CAUSE_OPEN", "TEMPLATE_MISMATCH"]})],
	})
	t.codes(decided(broken).violations) == {"SIGNATURE_MISSING", "ROOT_CAUSE_OPEN", "TEMPLATE_MISMATCH"}
}

test_data_alone_cannot_make_a_code_overridable if {
	broken := object.union(facts, {"signature": null, "overrides": [object.union(override, {"codes": ["SIGNATURE_MISSING"]})]})
	decision := review.decision with input as broken with data.tunables.overrides.roles as {"SIGNATURE_MISSING": ["risk"]}
	t.codes(decision.violations) == {"SIGNATURE_MISSING"}
}

test_metadata_alone_cannot_make_a_code_overridable if {
	decision := review.decision with input as object.union(candidate(narrow), {"overrides": [override]})
		with data.tunables.overrides.roles as {}
	not decision.allow
	every v in decision.violations {
		v.overridable == false
	}
}
