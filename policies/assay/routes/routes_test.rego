package assay.routes_test

import data.assay.routes
import data.assay.testing_test as t

facts := {"revision": 7, "pairs": [
	{
		"tenant": "acme",
		"model": "helpdesk",
		"use": "canary",
		"base_digest": t.digest("b"),
		"version": {
			"digest": t.digest("a"),
			"tenant": "acme",
			"model": "helpdesk",
			"base_digest": t.digest("b"),
			"quarantined": false,
			"signed": true,
			"released": true,
			"staged": true,
			"in_production": false,
			"on_trial": false,
		},
		"incidents": [],
	},
	{
		"tenant": "acme",
		"model": "helpdesk",
		"use": "stable",
		"base_digest": t.digest("b"),
		"version": null,
		"incidents": [],
	},
]}

refused(path, value) := codes if {
	codes := t.codes(routes.decision.violations) with input as t.changed(facts, path, value)
}

version(name) := ["pairs", 0, "version", name]

test_allows_own_released_version_and_base if {
	routes.decision == {"allow": true, "violations": set(), "warnings": set()} with input as facts
}

test_refuses_whatever_is_missing if {
	every path in t.paths(facts) {
		not routes.decision.allow with input as t.without(facts, path)
	}
}

test_answers_whatever_stands_in_place_of_a_fact if {
	every document in t.odd(facts) {
		decision := routes.decision with input as document
		is_boolean(decision.allow)
	}
}

test_refuses_nothing_at_all if {
	"ROUTE_FACTS_MISSING" in t.codes(routes.decision.violations) with input as {}
	not routes.decision.allow with input as "what"
	not routes.decision.allow with input as {"revision": 7, "pairs": []}
}

test_refuses_version_of_another_tenant if refused(version("tenant"), "globex") == {"ROUTE_CROSSES_TENANTS"}

test_refuses_version_of_another_model if refused(version("model"), "other") == {"ROUTE_OF_ANOTHER_MODEL"}

test_refuses_version_of_another_base if refused(version("base_digest"), t.digest("c")) == {"ROUTE_BASE_MISMATCH"}

test_refuses_quarantined_version if refused(version("quarantined"), true) == {"ROUTE_QUARANTINED"}

test_refuses_unsigned_version if refused(version("signed"), false) == {"ROUTE_NOT_SIGNED"}

test_refuses_version_that_is_not_released if refused(version("released"), false) == {"ROUTE_NOT_RELEASED"}

test_refuses_version_that_is_not_staged if refused(version("staged"), false) == {"ROUTE_NOT_STAGED"}

test_allows_warm_version_that_was_replaced if {
	warm := t.changed(t.changed(facts, version("staged"), false), ["pairs", 0, "use"], "warm")
	routes.decision.allow with input as t.changed(warm, ["pairs", 0, "incidents"], ["i"])
}

test_allows_version_on_trial_when_another_was_staged_since if {
	overtaken := t.changed(facts, version("staged"), false)
	routes.decision.allow with input as t.changed(overtaken, version("on_trial"), true)
}

test_refuses_while_root_cause_is_open if {
	refused(["pairs", 0, "incidents"], ["i"]) == {"ROUTE_ROOT_CAUSE_OPEN"}
}

test_allows_version_in_production_while_root_cause_is_open if {
	production := t.changed(t.changed(facts, version("staged"), false), version("in_production"), true)
	routes.decision.allow with input as t.changed(production, ["pairs", 0, "incidents"], ["i"])
}

test_refuses_unknown_version if {
	not routes.decision.allow with input as t.changed(facts, ["pairs", 0, "version"], {"digest": t.digest("a"), "known": false})
}
