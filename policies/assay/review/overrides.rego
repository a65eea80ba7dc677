package assay.review

import data.assay.lib

# Codes that a named person took on themselves, in a role that may, having read the card diff in force.
overridden contains code if {
	some override in input.overrides
	some code in override.codes
	may_override(override, code)
}

may_override(override, code) if {
	lib.is_text(override.reviewer)
	lib.principal(override.reviewer) != lib.principal(input.requested_by)
	override.role in data.tunables.overrides.roles[code]
	lib.is_digest(override.card_diff)
	override.card_diff == input.card.diff
	lib.is_text(override.reason)
}

# METADATA
# title: Override does not count
# description: An override by the requester, in another role, of another card diff or without a reason changes nothing.
# custom:
#   code: OVERRIDE_NOT_COUNTED
#   remedy: override in a role that may, not as the requester, naming the card diff in force and a reason
#   overridable: false
warn contains lib.violation(rego.metadata.rule(), msg) if {
	some override in input.overrides
	some code in override.codes
	not may_override(override, code)
	msg := sprintf("the override of %v in the role %v does not count", [code, object.get(override, "role", null)])
}
