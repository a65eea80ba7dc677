package system.log_test

import data.system.log

event := {"input": {
	"requested_by": "ann@acme.example",
	"source": {"owner": "ann@acme.example"},
	"overrides": [{"reviewer": "rita@acme.example", "reason": "because", "role": "risk"}],
	"approvals": [{"reviewer": "olga@acme.example", "role": "owner"}],
}}

test_masks_people_and_free_text if {
	paths := {m.path | some m in log.mask} with input as event
	paths == {
		"/input/requested_by",
		"/input/source/owner",
		"/input/overrides/0/reviewer",
		"/input/overrides/0/reason",
		"/input/approvals/0/reviewer",
	}
}

test_masks_nothing_that_is_not_there if {
	count(log.mask) == 0 with input as {"input": {"tenant": "acme"}}
}
