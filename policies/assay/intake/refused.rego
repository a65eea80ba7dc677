package assay.intake

import data.assay.lib

# METADATA
# title: Personal data beyond cure
# description: Personal data of a kind that does not enter, or more of it than its treatment may cure.
# custom:
#   code: ROW_PII_REFUSED
#   remedy: take the personal data out at the source system
#   overridable: false
deny_row[i] contains lib.violation(rego.metadata.rule(), found(finding)) if {
	some [i, finding] in judged.pii.refuse
}

# METADATA
# title: Secrets do not enter
# description: A row in which a credential was found is refused.
# custom:
#   code: ROW_SECRET_FOUND
#   remedy: revoke the credential, then export the row without it
#   overridable: false
deny_row[i] contains lib.violation(rego.metadata.rule(), found(finding)) if {
	some [i, finding] in judged.secret.refuse
}

# METADATA
# title: Toxic rows do not enter
# description: A row that the toxicity check flagged beyond its limit is refused.
# custom:
#   code: ROW_TOXIC
#   remedy: leave the row out; when the check is wrong, have a person relabel it as human gold
#   overridable: false
deny_row[i] contains lib.violation(rego.metadata.rule(), found(finding)) if {
	some [i, finding] in judged.toxicity.refuse
}

# METADATA
# title: Texts under other licences do not enter
# description: A row that carries the text or header of a licence that this house does not train on is refused.
# custom:
#   code: ROW_LICENCE_TEXT
#   remedy: leave the row out, or get its text under the licence that the source states
#   overridable: false
deny_row[i] contains lib.violation(rego.metadata.rule(), found(finding)) if {
	some [i, finding] in judged.licence.refuse
}

# METADATA
# title: Instructions to the model do not enter
# description: A row that tries to steer whoever reads it, or to carry data out, is refused.
# custom:
#   code: ROW_INJECTION
#   remedy: leave the row out, and find out how it came into the source
#   overridable: false
deny_row[i] contains lib.violation(rego.metadata.rule(), found(finding)) if {
	some [i, finding] in judged.injection.refuse
}

# METADATA
# title: Language is wanted
# description: The language of the row is one that this purpose wants.
# custom:
#   code: ROW_LANGUAGE_NOT_WANTED
#   remedy: leave the row out, or add its language to the tunables
#   overridable: false
deny_row[i] contains lib.violation(rego.metadata.rule(), found(finding)) if {
	some [i, finding] in judged.language.refuse
}

# METADATA
# title: Near duplicates do not enter
# description: A row that nearly repeats an earlier row of the dataset is refused.
# custom:
#   code: ROW_NEAR_DUPLICATE
#   remedy: nothing to do; the earlier row stands for it
#   overridable: false
deny_row[i] contains lib.violation(rego.metadata.rule(), found(finding)) if {
	some [i, finding] in judged["near-duplicate"].refuse
}

# METADATA
# title: Evaluation rows do not enter
# description: >-
#   A row that overlaps with an evaluation suite is refused: a model that saw the questions cannot be measured by them.
# custom:
#   code: ROW_CONTAMINATED
#   remedy: leave the row out, or evaluate with another suite
#   overridable: false
deny_row[i] contains lib.violation(rego.metadata.rule(), found(finding)) if {
	some [i, finding] in judged.contamination.refuse
}

found(finding) := sprintf("%v found %v", [object.get(finding, "kind", "something"), times(finding)])

times(finding) := "once" if finding.count == 1

times(finding) := sprintf("%v times", [object.get(finding, "count", "many")]) if not finding.count == 1
