package assay.mentions_test

import data.assay.mentions
import data.assay.testing_test as t

facts := {
	"case": "acme.51d0e2aa17cc",
	"tenant": "acme",
	"ground": "erasure",
	"reviewer": "pia@acme.example",
	"role": "privacy",
	"named": 2,
	"not_waiting": 0,
	"others": 1,
}

decided(input_) := decision if decision := mentions.decision with input as input_

changed(path, value) := t.codes(decided(t.changed(facts, path, value)).violations)

test_takes_the_word_of_who_may_give_it if {
	decided(facts) == {"allow": true, "violations": set(), "warnings": set()}
	decided(object.union(facts, {"named": 0})).allow
	decided(object.union(facts, {"others": 0})).allow
}

test_refuses_whatever_is_missing if {
	"MENTIONS_FACTS_MISSING" in t.codes(decided({}).violations)
	every path in t.paths(facts) {
		not decided(t.without(facts, path)).allow
	}
}

test_answers_whatever_stands_in_place_of_a_fact if {
	every document in t.odd(facts) {
		is_boolean(decided(document).allow)
	}
}

test_refuses_a_word_that_says_nothing if {
	said := decided(object.union(facts, {"named": 0, "others": 0}))
	t.codes(said.violations) == {"MENTIONS_FACTS_MISSING"}
	every odd in [-1, null, "2", ["2"], {"2": 2}, true] {
		every of in ["named", "others"] {
			changed([of], odd) == {"MENTIONS_FACTS_MISSING"}
		}
	}
}

test_refuses_a_role_that_may_not if {
	changed(["role"], "owner") == {"MENTIONS_ROLE_MISSING"}
	"MENTIONS_ROLE_MISSING" in changed(["ground"], "retention")
	not mentions.decision.allow with input as facts with data.tunables as {}
}

test_says_which_roles_may if {
	some violation in decided(t.changed(facts, ["role"], "owner")).violations
	endswith(violation.msg, "privacy or legal may")
	some other in decided(t.changed(facts, ["ground"], "retention")).violations
	endswith(other.msg, "nobody may")
}

test_refuses_rows_that_do_not_wait if {
	every count_ in [1, null, "0"] {
		changed(["not_waiting"], count_) == {"MENTIONS_NOT_WAITING"}
	}
}
