package assay.intake

import data.assay.lib

# METADATA
# title: Personal data for a person to judge
# description: A reviewer says whether the personal data may be used; until then nothing is trained on the row.
# custom:
#   code: ROW_QUARANTINED_PII
#   remedy: look at it with `assay data review`, and release or refuse it
#   overridable: false
quarantine_row[i] contains lib.violation(rego.metadata.rule(), found(finding)) if {
	some [i, finding] in judged.pii.quarantine
}

# METADATA
# title: Credentials for a person to judge
# description: A reviewer says whether what looks like a credential is one; until then nothing is trained on the row.
# custom:
#   code: ROW_QUARANTINED_SECRET
#   remedy: look at it with `assay data review`, and release or refuse it
#   overridable: false
quarantine_row[i] contains lib.violation(rego.metadata.rule(), found(finding)) if {
	some [i, finding] in judged.secret.quarantine
}

# METADATA
# title: Toxicity for a person to judge
# description: A reviewer says whether what looks toxic is; until then nothing is trained on the row.
# custom:
#   code: ROW_QUARANTINED_TOXICITY
#   remedy: look at it with `assay data review`, and release or refuse it
#   overridable: false
quarantine_row[i] contains lib.violation(rego.metadata.rule(), found(finding)) if {
	some [i, finding] in judged.toxicity.quarantine
}

# METADATA
# title: Licence texts for a person to judge
# description: A reviewer says under which licence the text of the row really is; until then nothing is trained on the row.
# custom:
#   code: ROW_QUARANTINED_LICENCE
#   remedy: look at it with `assay data review`, and release or refuse it
#   overridable: false
quarantine_row[i] contains lib.violation(rego.metadata.rule(), found(finding)) if {
	some [i, finding] in judged.licence.quarantine
}

# METADATA
# title: Suspicious instructions for a person to judge
# description: A reviewer says whether the row tries to steer a model; until then nothing is trained on the row.
# custom:
#   code: ROW_QUARANTINED_INJECTION
#   remedy: look at it with `assay data review`, and release or refuse it
#   overridable: false
quarantine_row[i] contains lib.violation(rego.metadata.rule(), found(finding)) if {
	some [i, finding] in judged.injection.quarantine
}

# METADATA
# title: Languages for a person to judge
# description: A reviewer says whether the row is wanted in this language; until then nothing is trained on the row.
# custom:
#   code: ROW_QUARANTINED_LANGUAGE
#   remedy: look at it with `assay data review`, and release or refuse it
#   overridable: false
quarantine_row[i] contains lib.violation(rego.metadata.rule(), found(finding)) if {
	some [i, finding] in judged.language.quarantine
}

# METADATA
# title: Near duplicates for a person to judge
# description: A reviewer says whether the row says something that the earlier one does not; until then nothing is trained on the row.
# custom:
#   code: ROW_QUARANTINED_NEAR_DUPLICATE
#   remedy: look at it with `assay data review`, and release or refuse it
#   overridable: false
quarantine_row[i] contains lib.violation(rego.metadata.rule(), found(finding)) if {
	some [i, finding] in judged["near-duplicate"].quarantine
}

# METADATA
# title: Overlaps with a suite for a person to judge
# description: A reviewer says whether the row gives away an evaluation; until then nothing is trained on the row.
# custom:
#   code: ROW_QUARANTINED_CONTAMINATION
#   remedy: look at it with `assay data review`, and release or refuse it
#   overridable: false
quarantine_row[i] contains lib.violation(rego.metadata.rule(), found(finding)) if {
	some [i, finding] in judged.contamination.quarantine
}
