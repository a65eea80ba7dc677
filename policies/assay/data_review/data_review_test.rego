package assay.data_review_test

import data.assay.data_review
import data.assay.testing_test as t

vote(reviewer, role) := {"reviewer": reviewer, "role": role, "verdict": "release", "read": t.digest("a")}

facts := {
	"tenant": "acme",
	"dataset": "support",
	"purpose": "train-tenant-model",
	"verdict": "release",
	"read": t.digest("a"),
	"found": t.digest("a"),
	"rows": 3,
	"groups": [{
		"codes": ["ROW_TOXICITY_QUARANTINED"],
		"categories": ["toxicity"],
		"requesters": ["ann@acme.example"],
		"rows": 3,
	}],
	"votes": [vote("bea@acme.example", "safety")],
}

decided(input_) := decision if decision := data_review.decision with input as input_

found(categories, votes) := t.codes(decided(object.union(facts, {
	"groups": [object.union(facts.groups[0], {"categories": categories})],
	"votes": votes,
})).violations)

changed(name, value) := t.codes(decided(t.changed(facts, [name], value)).violations)

test_releases_rows_that_an_independent_person_in_charge_has_read if {
	decided(facts) == {"allow": true, "violations": set(), "warnings": set()}
}

# Codes and numbers of rows are for people who read the question.
test_refuses_whatever_is_missing if {
	every path in t.paths(facts) - {["rows"], ["groups", 0, "rows"], ["groups", 0, "codes"], ["groups", 0, "codes", 0]} {
		not decided(t.without(facts, path)).allow
	}
}

test_answers_whatever_stands_in_place_of_a_fact if {
	every document in t.odd(facts) {
		is_boolean(decided(document).allow)
	}
}

test_refuses_nothing_at_all if {
	"ROWS_FACTS_MISSING" in t.codes(decided({}).violations)
	not decided("what").allow
}

test_refuses_without_its_tunables if {
	not data_review.decision.allow with input as facts with data.tunables as {}
	every name in ["release", "never"] {
		less := t.without(data.tunables.data_review, [name])
		not data_review.decision.allow with input as facts with data.tunables.data_review as less
	}
}

test_refuses_rows_that_are_not_those_that_were_read if {
	changed("found", t.digest("b")) == {"ROWS_READ_CHANGED"}
	changed("found", null) == {"ROWS_READ_CHANGED"}
	"ROWS_READ_CHANGED" in changed("groups", [])
	"ROWS_READ_CHANGED" in changed("read", "this one")
}

test_nobody_releases_rows_of_their_own_request if {
	own := found(["toxicity"], [vote("ann@acme.example", "safety")])
	own == {"ROWS_OWN_REQUEST", "ROWS_QUORUM_NOT_MET", "ROWS_ROLE_MISSING"}
	own == found(["toxicity"], [vote("ann+me@acme.example", "safety")])
}

test_requester_does_not_count_among_others if {
	found(["injection"], [vote("ann@acme.example", "safety"), vote("bea@acme.example", "safety")]) == {"ROWS_QUORUM_NOT_MET"}
}

test_nobody_at_all_releases_secrets if {
	found(["secret"], [vote("bea@acme.example", "safety")]) == {"ROWS_NEVER_RELEASED"}
	found(["toxicity", "secret"], [vote("bea@acme.example", "safety")]) == {"ROWS_NEVER_RELEASED"}
}

test_as_many_people_as_the_category_asks_for if {
	one := vote("bea@acme.example", "safety")
	found(["injection"], [one]) == {"ROWS_QUORUM_NOT_MET"}
	found(["injection"], [one, vote("bea+two@acme.example", "safety")]) == {"ROWS_QUORUM_NOT_MET"}
	found(["injection"], [one, vote("cyd@acme.example", "legal")]) == set()
}

test_somebody_in_charge_of_the_category if {
	found(["toxicity"], [vote("bea@acme.example", "owner")]) == {"ROWS_ROLE_MISSING"}
	found(["toxicity", "licence"], [vote("bea@acme.example", "safety")]) == {"ROWS_ROLE_MISSING"}
	found(["language"], [vote("bea@acme.example", "owner")]) == set()
}

test_says_which_roles_may if {
	asked := object.union(facts, {"votes": [vote("bea@acme.example", "owner")]})
	some violation in decided(asked).violations
	endswith(violation.msg, "safety may")
	every odd in [{}, {"default": {"people": 1, "roles": "safety"}, "categories": {}}] {
		refused := data_review.decision with input as asked with data.tunables.data_review.release as odd
		some other in refused.violations
		other.code == "ROWS_ROLE_MISSING"
		endswith(other.msg, "nobody may")
	}
}

test_votes_about_another_reading_or_verdict_do_not_count if {
	stale := object.union(vote("bea@acme.example", "safety"), {"read": t.digest("b")})
	contrary := object.union(vote("bea@acme.example", "safety"), {"verdict": "refuse"})
	every other in [stale, contrary] {
		decision := decided(object.union(facts, {
			"groups": [object.union(facts.groups[0], {"categories": ["injection"]})],
			"votes": [other, vote("cyd@acme.example", "safety")],
		}))
		t.codes(decision.violations) == {"ROWS_QUORUM_NOT_MET"}
		t.codes(decision.warnings) == {"ROWS_VOTE_NOT_COUNTED"}
	}
}

refusal(reviewer, role) := object.union(facts, {
	"verdict": "refuse",
	"groups": [object.union(facts.groups[0], {"categories": ["secret"]})],
	"votes": [object.union(vote(reviewer, role), {"verdict": "refuse"})],
})

test_one_person_refuses_also_their_own_request_and_secrets if {
	decided(refusal("bea@acme.example", "owner")).allow
	decided(refusal("ann@acme.example", "owner")).allow
	not decided(refusal("bea@acme.example", "passer-by")).allow
}
