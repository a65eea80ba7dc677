package assay.intake

import data.assay.lib

# METADATA
# title: Findings replaced by placeholders
# description: A row with few findings of such a kind enters with the findings replaced.
# custom:
#   code: ROW_REDACTED
#   remedy: nothing to do; the found text is replaced before the row is stored
#   overridable: false
redact_row[i] contains lib.violation(rego.metadata.rule(), found(finding)) if {
	some [i, finding] in judged.pii.redact
}

# METADATA
# title: Findings replaced by pseudonyms
# description: >-
#   Found values enter as keyed pseudonyms: the same person stays the same person.
# custom:
#   code: ROW_PSEUDONYMISED
#   remedy: nothing to do; the found text is replaced before the row is stored
#   overridable: false
redact_row[i] contains lib.violation(rego.metadata.rule(), found(finding)) if {
	some [i, finding] in judged.pii.pseudonym
}

# METADATA
# title: Findings replaced by invented values
# description: Found values enter as invented ones of the same form.
# custom:
#   code: ROW_SYNTHESISED
#   remedy: nothing to do; the found text is replaced before the row is stored
#   overridable: false
redact_row[i] contains lib.violation(rego.metadata.rule(), found(finding)) if {
	some [i, finding] in judged.pii.synthetic
}
