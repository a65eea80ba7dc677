# METADATA
# title: Mentions gate
# description: May this reviewer say which rows that mention a person are about them. Asked before any of them goes.
package assay.mentions

import data.assay.lib

# METADATA
# entrypoint: true
# title: Decision of the mentions gate
# description: allow, violations, warnings. Nothing here can be overridden.
decision := lib.decision(deny, set(), set())

# METADATA
# title: Facts are complete
# description: Whose case, on which ground, who has read the rows and in which role, and what they say.
# custom:
#   code: MENTIONS_FACTS_MISSING
#   remedy: name the case, the reviewer and their role, and rows that are about the person or that are not
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), "the facts of this confirmation are not complete") if not stated

stated if {
	lib.is_text(input.case)
	lib.is_text(input.tenant)
	lib.is_text(input.ground)
	lib.is_text(input.reviewer)
	lib.is_text(input.role)
	says_something
}

says_something if {
	is_count(input.named)
	is_count(input.others)
	input.named + input.others > 0
}

# Rego puts every text, list and object above every number.
is_count(value) if {
	is_number(value)
	value >= 0
}

# METADATA
# title: The role may confirm it
# description: For each ground of removal there are roles that may say which rows are about the person.
# custom:
#   code: MENTIONS_ROLE_MISSING
#   remedy: have somebody in one of the roles of this ground read and confirm them
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	not permitted
	msg := sprintf("this role may not say whom these rows are about: %s may", [roles])
}

default roles := "nobody"

roles := concat(" or ", data.tunables.erasure.reviewers[input.ground])

permitted if input.role in data.tunables.erasure.reviewers[input.ground]

# METADATA
# title: The rows wait in this case
# description: Every row that is judged mentions the person, and nobody has said yet whether it is about them.
# custom:
#   code: MENTIONS_NOT_WAITING
#   remedy: read the rows again (`assay erase mentions`) and judge some of those
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), "rows are judged that do not wait in this case") if not all_wait

all_wait if input.not_waiting == 0
