# METADATA
# title: Data approval gate
# description: Is this the word of a source's owner, about these terms, for this purpose of use, and until when?
package assay.data_approval

import data.assay.lib

# METADATA
# entrypoint: true
# title: Decision of the data approval gate
# description: allow, violations, warnings. Nothing here can be overridden.
decision := lib.decision(deny, set(), set())

# METADATA
# title: Facts are complete
# description: Whose data, which source and system of record, for which purpose, who asked and when.
# custom:
#   code: APPROVAL_FACTS_MISSING
#   remedy: ask again with tenant, purpose, requester, time and the source's name, system, owner and terms
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), "the facts of this approval are not complete") if not stated

stated if {
	lib.is_text(input.tenant)
	lib.is_text(input.purpose)
	lib.is_text(input.requested_by)
	lib.is_text(input.source.name)
	lib.is_text(input.source.system)
	time.parse_rfc3339_ns(input.now)
}

# METADATA
# title: The owner approves
# description: Who approves is the owner of the source, as the source states it.
# custom:
#   code: APPROVAL_NOT_BY_OWNER
#   remedy: have the owner of the source approve
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), "only the owner of the source approves its use") if not by_owner

by_owner if {
	lib.is_text(input.source.owner)
	lib.principal(input.approval.owner) == lib.principal(input.source.owner)
}

# METADATA
# title: What was read is what is asked for
# description: The approval names the digest of the terms under which the source would be used.
# custom:
#   code: APPROVAL_TERMS_CHANGED
#   remedy: read the terms in the `status` query and approve those
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), "the approval is of other terms than those asked for") if not of_these_terms

of_these_terms if {
	lib.is_digest(input.source.terms)
	input.approval.terms == input.source.terms
}

# METADATA
# title: The purpose is in its scope
# description: The purposes that the owner approves hold the one that is asked for.
# custom:
#   code: APPROVAL_OUT_OF_SCOPE
#   remedy: ask the owner to approve this purpose of use
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	not in_scope
	msg := sprintf("%v is not among the approved purposes", [lib.field(["purpose"])])
}

in_scope if input.purpose in input.approval.scope

# METADATA
# title: The approval is in force
# description: It has not expired.
# custom:
#   code: APPROVAL_NOT_IN_FORCE
#   remedy: approve until a time that is still to come
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), "the approval has expired") if not in_force

in_force if time.parse_rfc3339_ns(input.approval.valid_until) > time.parse_rfc3339_ns(input.now)

# METADATA
# title: Nobody approves for ever
# description: The approval ends within the house's limit.
# custom:
#   code: APPROVAL_TOO_LONG
#   remedy: approve for a shorter time, and again later
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), "the approval is good for longer than the house allows") if not bounded

bounded if {
	days := data.tunables.data_approval.max_days
	is_number(days)
	left := time.parse_rfc3339_ns(input.approval.valid_until) - time.parse_rfc3339_ns(input.now)
	left <= ((((days * 24) * 60) * 60) * 1000) * 1000000
}
