# METADATA
# title: Release gate
# description: All of the review gate on today's facts, and people who said yes to exactly what is in force.
package assay.release

import data.assay.lib
import data.assay.review

# METADATA
# entrypoint: true
# title: Decision of the release gate
# description: allow, violations, warnings; overrides count as at the review gate.
decision := lib.decision(deny | review.deny, warn | review.warn, review.overridden)

# An approval counts when a person other than the requester read the card diff in force.
counted contains {"reviewer": approval.reviewer, "role": approval.role} if {
	some approval in input.approvals
	counts(approval)
}

counts(approval) if {
	lib.is_text(approval.reviewer)
	lib.is_text(approval.role)
	lib.principal(approval.reviewer) != lib.principal(input.requested_by)
	lib.is_digest(approval.card_diff)
	approval.card_diff == input.card.diff
}

people contains lib.principal(approval.reviewer) if some approval in counted

approved_roles contains approval.role if some approval in counted

# METADATA
# title: Enough people approved
# description: The number of different people whose approval counts reaches the quorum.
# custom:
#   code: QUORUM_NOT_MET
#   remedy: have more reviewers approve the card diff in force
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	not quorum_met
	msg := sprintf("approvals that count: %d", [count(people)])
}

quorum_met if {
	is_number(data.tunables.quorum.people)
	data.tunables.quorum.people > 0
	count(people) >= data.tunables.quorum.people
}

# METADATA
# title: Every required role approved
# description: The request may require more roles than the house always does, never less.
# custom:
#   code: ROLE_MISSING
#   remedy: have a reviewer in each of these roles approve
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	some role in required_roles
	not role in approved_roles
	msg := sprintf("nobody approved as %v", [role])
}

required_roles contains role if some role in input.rules.roles_required

required_roles contains role if some role in data.tunables.quorum.roles_always

# METADATA
# title: Required roles are stated
# description: The request says which roles it requires, and the house which ones always.
# custom:
#   code: ROLES_NOT_STATED
#   remedy: state rules.roles_required, even if it is empty
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), "which roles must approve is not stated") if not roles_stated

roles_stated if {
	is_array(input.rules.roles_required)
	is_array(data.tunables.quorum.roles_always)
}

# METADATA
# title: One person, one role
# description: Required roles are different people; nobody approves in two roles.
# custom:
#   code: ROLES_BY_ONE_PERSON
#   remedy: have another reviewer approve in the second role
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	count(counted) > count(people)
	msg := sprintf("%d approvals by %d people", [count(counted), count(people)])
}

# METADATA
# title: An override does not pass alone
# description: When an override was needed, the people who overrode or approved are enough in number.
# custom:
#   code: OVERRIDE_ALONE
#   remedy: have somebody other than the one who overrode approve
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	count(review.overridden) > 0
	not shared_responsibility
	msg := sprintf("%d people overrode or approved", [count(people | overriders)])
}

overriders contains lib.principal(override.reviewer) if {
	some override in input.overrides
	some code in override.codes
	review.may_override(override, code)
}

shared_responsibility if {
	is_number(data.tunables.quorum.people_with_override)
	count(people | overriders) >= data.tunables.quorum.people_with_override
}

# METADATA
# title: Approval does not count
# description: An approval by the requester, or of another card diff, changes nothing.
# custom:
#   code: APPROVAL_NOT_COUNTED
#   remedy: read the card diff in force and approve that one, not as the requester
#   overridable: false
warn contains lib.violation(rego.metadata.rule(), msg) if {
	some approval in input.approvals
	not counts(approval)
	msg := sprintf("an approval as %v is stale or the requester's own", [object.get(approval, "role", null)])
}
