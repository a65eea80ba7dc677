package assay.intake

import data.assay.lib

rows := [row_decision(i, row) | some i, row in input.rows]

# A refused source refuses every row of it. What is done with findings is said whatever becomes of the row: a reviewer
# may release it.
row_decision(i, row) := {
	"row_id": id_of(row),
	"action": action(refused, quarantined, redacted),
	"violations": ((refused | quarantined) | redacted),
	"treatments": treatments(row),
} if {
	refused := deny | object.get(deny_row, i, set())
	quarantined := object.get(quarantine_row, i, set())
	redacted := object.get(redact_row, i, set())
}

# Whatever stands in place of a row gets an answer.
default id_of(_) := null

id_of(row) := row.row_id

# The strictest of what was found.
action(refused, _, _) := "refuse" if count(refused) > 0

action(refused, quarantined, _) := "quarantine" if {
	count(refused) == 0
	count(quarantined) > 0
}

action(refused, quarantined, redacted) := "redact" if {
	count(refused | quarantined) == 0
	count(redacted) > 0
}

action(refused, quarantined, redacted) := "accept" if count(((refused | quarantined) | redacted)) == 0

# METADATA
# title: Row facts are complete
# description: A row has an id, its terms and the findings of the scanners, even if there are none.
# custom:
#   code: ROW_FACTS_MISSING
#   remedy: screen the row again; a row without findings states an empty list
#   overridable: false
deny_row[i] contains lib.violation(rego.metadata.rule(), "the facts of this row are not complete") if {
	some i, row in input.rows
	not row_stated(row)
}

row_stated(row) if {
	lib.is_text(row.row_id)
	is_array(row.findings)
	every finding in row.findings {
		finding.category in categories
		lib.is_text(finding.kind)
		is_number(finding.count)
		finding.count > 0
	}
}

# METADATA
# title: Row licence permits the purpose
# description: Of the row's licence one way to comply is listed in full for this purpose of use.
# custom:
#   code: ROW_LICENCE_NOT_PERMITTED
#   remedy: leave the row out, or get it under a licence that permits this purpose
#   overridable: false
deny_row[i] contains lib.violation(rego.metadata.rule(), msg) if {
	some i, row in input.rows
	not row_licence_permits(row)
	msg := sprintf("licence %v does not permit this use", [object.get(row, "licences", null)])
}

row_licence_permits(row) if lib.licences_permitted(row.licences, input.purpose, "rows")

# METADATA
# title: Row consent is there
# description: The consent state of the row is enough for this purpose.
# custom:
#   code: ROW_CONSENT_MISSING
#   remedy: leave the row out, or obtain consent
#   overridable: false
deny_row[i] contains lib.violation(rego.metadata.rule(), msg) if {
	some i, row in input.rows
	not row_consented(row)
	msg := sprintf("consent is %v", [object.get(row, "consent", null)])
}

row_consented(row) if row.consent in data.tunables.consent.enough[input.purpose]

# METADATA
# title: Row purpose of use is granted
# description: This purpose is among those granted for the row.
# custom:
#   code: ROW_PURPOSE_NOT_PERMITTED
#   remedy: leave the row out, or ask its owner for this purpose of use
#   overridable: false
deny_row[i] contains lib.violation(rego.metadata.rule(), msg) if {
	some i, row in input.rows
	not row_purpose_granted(row)
	msg := sprintf("purposes are %v", [object.get(row, "purposes", null)])
}

row_purpose_granted(row) if input.purpose in row.purposes

# METADATA
# title: Tenant rows improve shared models only under contract
# description: A row that states a tenant's licence of its own needs the same contract as a source of such rows.
# custom:
#   code: ROW_SHARED_USE_WITHOUT_CONTRACT
#   remedy: leave the row out, or agree on shared use in the contract, and state that of the source
#   overridable: false
deny_row[i] contains lib.violation(rego.metadata.rule(), "a tenant's row may not improve a shared model without a contract") if {
	some i, row in input.rows
	not shared_use_agreed(row)
}
