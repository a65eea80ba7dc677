package assay.release_test

import data.assay.release
import data.assay.review_test as reviewed
import data.assay.testing_test as t

approval := {"reviewer": "olga@acme.example", "role": "owner", "card_diff": t.digest("4")}

facts := object.union(reviewed.facts, {
	"approvals": [approval],
	"rules": {"roles_required": ["owner"]},
})

decided(input_) := decision if decision := release.decision with input as input_

refused(path, value) := t.codes(decided(t.changed(facts, path, value)).violations)

test_allows_reviewed_and_approved_version if {
	decided(facts) == {"allow": true, "violations": set(), "warnings": set()}
}

test_refuses_whatever_is_missing_of_the_approval if {
	every path in {path | some path in t.paths(facts); path[0] in {"approvals", "rules", "requested_by", "card"}} {
		not decided(t.without(facts, path)).allow
	}
}

test_answers_whatever_stands_in_place_of_an_approval if {
	asked := {"approvals": facts.approvals, "rules": facts.rules, "overrides": [reviewed.override]}
	every document in t.odd(asked) {
		is_boolean(decided(object.union(facts, document)).allow)
	}
}

test_refuses_nothing_at_all if {
	not decided({}).allow
	not decided("what").allow
}

test_refuses_without_its_tunables if {
	every path in [["quorum", "people"], ["quorum", "roles_always"]] {
		not release.decision.allow with input as facts with data.tunables as t.without(data.tunables, path)
	}
	not release.decision.allow with input as facts with data.tunables.quorum.people as 0
}

test_refuses_what_the_review_gate_refuses if {
	"SIGNATURE_MISSING" in refused(["signature", "verified"], false)
	"ROOT_CAUSE_OPEN" in refused(["incidents"], [{"id": "i"}])
	"CHAT_FORGOTTEN" in refused(["evaluation", "candidate"], reviewed.narrow)
}

test_refuses_without_approval if refused(["approvals"], []) == {"QUORUM_NOT_MET", "ROLE_MISSING"}

test_requester_does_not_count if {
	decision := decided(t.changed(facts, ["approvals", 0, "reviewer"], "ann@acme.example"))
	t.codes(decision.violations) == {"QUORUM_NOT_MET", "ROLE_MISSING"}
	t.codes(decision.warnings) == {"APPROVAL_NOT_COUNTED"}
}

test_requester_under_a_tag_does_not_count if {
	decision := decided(t.changed(facts, ["approvals", 0, "reviewer"], "ann+review@acme.example"))
	t.codes(decision.violations) == {"QUORUM_NOT_MET", "ROLE_MISSING"}
}

test_stale_approval_does_not_count if {
	refused(["approvals", 0, "card_diff"], t.digest("9")) == {"QUORUM_NOT_MET", "ROLE_MISSING"}
}

test_refuses_when_a_required_role_is_missing if {
	refused(["rules", "roles_required"], ["owner", "safety"]) == {"ROLE_MISSING"}
}

test_request_cannot_require_less_than_the_house if {
	asked := json.patch(facts, [
		{"op": "replace", "path": "/rules/roles_required", "value": []},
		{"op": "replace", "path": "/approvals/0/role", "value": "legal"},
	])
	t.codes(decided(asked).violations) == {"ROLE_MISSING"}
}

test_refuses_when_required_roles_are_not_stated if "ROLES_NOT_STATED" in refused(["rules"], null)

both := [approval, {"reviewer": "sam@acme.example", "role": "safety", "card_diff": t.digest("4")}]

test_two_people_in_two_roles_pass if {
	decided(object.union(facts, {"approvals": both, "rules": {"roles_required": ["owner", "safety"]}})).allow
}

test_one_person_in_two_roles_is_refused if {
	alone := [approval, object.union(approval, {"role": "safety"})]
	asked := object.union(facts, {"approvals": alone, "rules": {"roles_required": ["owner", "safety"]}})
	t.codes(decided(asked).violations) == {"ROLES_BY_ONE_PERSON"}
}

overruled(reviewer) := object.union(facts, {
	"evaluation": object.union(facts.evaluation, {"candidate": reviewed.narrow}),
	"overrides": [object.union(reviewed.override, {"reviewer": reviewer})],
})

test_override_passes_with_an_approval_by_somebody_else if {
	decision := decided(overruled("rita@acme.example"))
	decision.allow
	"CHAT_FORGOTTEN" in t.codes(decision.warnings)
}

test_override_does_not_pass_alone_under_a_tag if {
	t.codes(decided(overruled("olga+2@acme.example")).violations) == {"OVERRIDE_ALONE"}
}

test_override_does_not_pass_alone if {
	t.codes(decided(overruled("olga@acme.example")).violations) == {"OVERRIDE_ALONE"}
	not release.decision.allow with input as overruled("rita@acme.example") with data.tunables.quorum.people_with_override as "two"
}
