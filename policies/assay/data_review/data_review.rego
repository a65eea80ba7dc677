# METADATA
# title: Data review gate
# description: May these people release these quarantined rows for training, or refuse them for good?
package assay.data_review

import data.assay.lib

# METADATA
# entrypoint: true
# title: Decision of the data review gate
# description: allow, violations, warnings. Nothing here can be overridden.
decision := lib.decision(deny, warn, set())

# METADATA
# title: Facts are complete
# description: Whose rows, for which use, release or refuse, what was found in them, who asked for them, who answered.
# custom:
#   code: ROWS_FACTS_MISSING
#   remedy: ask again with tenant, dataset, purpose, verdict, the groups of rows and at least one vote
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), "the facts of this review are not complete") if not stated

stated if {
	lib.is_text(input.tenant)
	lib.is_text(input.dataset)
	lib.is_text(input.purpose)
	input.verdict in {"release", "refuse"}
	is_array(input.votes)
	count(input.votes) > 0
	is_array(input.groups)
	every group in input.groups {
		group_stated(group)
	}
}

group_stated(group) if {
	is_array(group.requesters)
	count(group.requesters) > 0
	every requester in group.requesters {
		lib.is_text(requester)
	}
	is_array(group.categories)
	count(group.categories) > 0
	every category in group.categories {
		lib.is_text(category)
	}
}

# METADATA
# title: What was read is what is there
# description: The reading that the last reviewer names shows exactly these rows as they wait now.
# custom:
#   code: ROWS_READ_CHANGED
#   remedy: read the rows again (`assay data review`) and name that reading
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), "the rows that wait are not those that were read") if not read_in_force

read_in_force if {
	lib.is_digest(input.read)
	input.found == input.read
	count(input.groups) > 0
}

# A vote counts when it says the same about the same reading, and comes from somebody who did not ask for the rows.
counted contains {"reviewer": lib.principal(vote.reviewer), "role": vote.role} if {
	some vote in input.votes
	counts(vote)
}

counts(vote) if {
	lib.is_text(vote.reviewer)
	lib.is_text(vote.role)
	vote.verdict == input.verdict
	vote.read == input.read
	independent(vote)
}

# To refuse what one asked for oneself harms nobody.
independent(_) if input.verdict == "refuse"

independent(vote) if not lib.principal(vote.reviewer) in requesters

requesters contains lib.principal(requester) if some requester in input.groups[_].requesters

people contains vote.reviewer if some vote in counted

# METADATA
# title: Nobody releases rows of their own request
# description: The last reviewer asked for none of the intakes that found these rows.
# custom:
#   code: ROWS_OWN_REQUEST
#   remedy: have somebody release them who did not request their intake
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), "who asked for the intake of rows does not release them") if {
	not last_is_independent
}

last_is_independent if independent(input.votes[count(input.votes) - 1])

# METADATA
# title: Some findings are no matter of opinion
# description: Rows with a finding of these categories, secrets above all, are never released.
# custom:
#   code: ROWS_NEVER_RELEASED
#   remedy: refuse these rows; export them again without what was found
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	input.verdict != "refuse"
	some category in categories
	not releasable(category)
	msg := sprintf("rows with a finding of category %v cannot be released", [category])
}

releasable(category) if {
	is_array(data.tunables.data_review.never)
	not category in data.tunables.data_review.never
}

categories contains category if some category in input.groups[_].categories

# METADATA
# title: Enough people read them
# description: As many different reviewers as each category of findings asks for gave this verdict about this reading.
# custom:
#   code: ROWS_QUORUM_NOT_MET
#   remedy: have another reviewer give the same verdict about the same reading
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	some category in asked_for
	not enough_people(category)
	msg := sprintf("%d people so far for rows with findings of category %v", [count(people), category])
}

enough_people(category) if {
	rule := rule_for(category)
	is_number(rule.people)
	rule.people > 0
	count(people) >= rule.people
}

# METADATA
# title: One of them is in charge
# description: For each category of findings a reviewer in one of its roles is among them.
# custom:
#   code: ROWS_ROLE_MISSING
#   remedy: have a reviewer in one of the roles of that category give the same verdict
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	some category in asked_for
	not in_charge(category)
	msg := sprintf("nobody in charge of category %v has given this verdict: %s may", [category, roles_for(category)])
}

default roles_for(_) := "nobody"

roles_for(category) := concat(" or ", rule_for(category).roles)

in_charge(category) if {
	some vote in counted
	vote.role in rule_for(category).roles
}

# Without a category there still is a question.
asked_for := categories if count(categories) > 0

asked_for := {"unknown"} if count(categories) == 0

rule_for(_) := data.tunables.data_review.refuse if input.verdict == "refuse"

rule_for(category) := object.get(
	data.tunables.data_review.release.categories,
	category,
	data.tunables.data_review.release.default,
) if {
	input.verdict == "release"
}

# METADATA
# title: Vote does not count
# description: A vote by the requester, of another verdict or about another reading changes nothing.
# custom:
#   code: ROWS_VOTE_NOT_COUNTED
#   remedy: read the rows as they are now, and vote on those, not as their requester
#   overridable: false
warn contains lib.violation(rego.metadata.rule(), msg) if {
	some vote in input.votes
	not counts(vote)
	msg := sprintf("a vote as %v is stale or the requester's own", [object.get(vote, "role", null)])
}
