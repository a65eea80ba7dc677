package system.log_test

import data.system.log

event := {"input": {
	"requested_by": "ann@acme.example",
	"source": {"owner": "ann@acme.example"},
	"overrides": [{"reviewer": "rita@acme.example", "reason": "because", "role": "risk"}],
	"approvals": [{"reviewer": "olga@acme.example", "role": "owner"}],
	"reviewer": "pia@acme.example",
	"approval": {"owner": "ann@acme.example", "scope": ["evaluate"]},
	"votes": [{"reviewer": "olga@acme.example", "verdict": "release"}],
	"groups": [{"requesters": ["ann@acme.example"], "codes": ["ROW_TOXIC"]}],
}}

test_masks_people_and_free_text if {
	paths := {m.path | some m in log.mask} with input as event
	paths == {
		"/input/requested_by",
		"/input/source/owner",
		"/input/overrides/0/reviewer",
		"/input/overrides/0/reason",
		"/input/approvals/0/reviewer",
		"/input/reviewer",
		"/input/approval/owner",
		"/input/votes/0/reviewer",
		"/input/groups/0/requesters",
	}
}

test_masks_nothing_that_is_not_there if {
	count(log.mask) == 0 with input as {"input": {"tenant": "acme"}}
}
