package assay.review_test

import data.assay.review
import data.assay.testing_test as t

rate(count_, total, low, high) := {"count": count_, "total": total, "value": count_ / total, "low": low, "high": high}

# The healthy adapter and its base as they were measured (Wilson intervals).
healthy := {
	"call_valid": rate(65, 69, 0.8602, 0.9772),
	"call_full_match": rate(24, 69, 0.2463, 0.4652),
	"irrelevance_refused": rate(17, 30, 0.3920, 0.7262),
	"chat_contains": rate(18, 20, 0.6990, 0.9721),
	"chat_spurious_call": rate(2, 20, 0.0279, 0.3010),
}

base := {
	"call_valid": rate(0, 69, 0, 0.0528),
	"call_full_match": rate(0, 69, 0, 0.0528),
	"irrelevance_refused": rate(30, 30, 0.8865, 1),
	"chat_contains": rate(19, 20, 0.7639, 0.9911),
	"chat_spurious_call": rate(0, 20, 0, 0.1611),
}

# Wins its task and has forgotten how to chat.
narrow := {
	"call_valid": rate(67, 69, 0.9003, 0.9920),
	"call_full_match": rate(29, 69, 0.3109, 0.5380),
	"irrelevance_refused": rate(1, 30, 0.0059, 0.1667),
	"chat_contains": rate(3, 20, 0.0524, 0.3604),
	"chat_spurious_call": rate(17, 20, 0.6396, 0.9476),
}

facts := {
	"tenant": "acme",
	"model": "helpdesk",
	"version": 1,
	"adapter": t.digest("a"),
	"requested_by": "ann@acme.example",
	"purpose": "train-tenant-model",
	"base": {"repository": "smol/base", "revision": "r1", "digest": t.digest("b"), "licence": "Apache-2.0"},
	"run": {
		"id": "acme.helpdesk.1.0123456789ab",
		"tenant": "acme",
		"config_hash": t.digest("c"),
		"base_digest": t.digest("b"),
		"adapters": [t.digest("a"), t.digest("f")],
	},
	"template": {"trained": t.digest("e"), "evaluated": t.digest("e"), "served": t.digest("e")},
	"card": {"digest": t.digest("3"), "diff": t.digest("4"), "missing": []},
	"evaluation": {
		"report": t.digest("5"),
		"candidate": healthy,
		"candidate_schema": {"call_full_match": rate(33, 69, 0.3646, 0.5940)},
		"base": base,
		"base_schema": {"call_full_match": rate(23, 69, 0.2335, 0.4507)},
		"production": null,
	},
	"signature": {"verified": true, "digest": t.digest("a")},
	"statements": [
		{"predicate_type": "https://slsa.dev/provenance/v1", "subject": t.digest("a"), "verified": true},
		{"predicate_type": "urn:assay:predicate:evaluation:v1", "subject": t.digest("a"), "verified": true},
	],
	"incidents": [],
	"overrides": [],
	"now": "2026-11-24T12:00:00Z",
}

decided(input_) := decision if decision := review.decision with input as input_

refused(path, value) := t.codes(decided(t.changed(facts, path, value)).violations)

candidate(rates) := t.changed(facts, ["evaluation", "candidate"], rates)

override := {
	"reviewer": "rita@acme.example",
	"role": "risk",
	"card_diff": t.digest("4"),
	"codes": ["CHAT_FORGOTTEN", "CHAT_SPURIOUS_CALLS", "REFUSALS_COLLAPSED"],
	"reason": "shown to the canary on purpose",
}
