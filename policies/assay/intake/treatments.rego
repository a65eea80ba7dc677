# What a finding leads to: the tunables say it by category and kind, and by purpose, tier and what the source's owner
# states about people. What they do not say, or say in a way that cannot be followed, is refused.
package assay.intake

import data.assay.lib

categories := {"pii", "secret", "toxicity", "licence", "injection", "language", "near-duplicate", "contamination"}

# Replaced in the text of the row; only personal data are, since only they are kept as text until then.
replacing := {"redact", "pseudonym", "synthetic"}

# Each finding of each row, by category and outcome. Asked for whole, it is worked out once, not once a rule.
judged := judgements

judgements[finding.category][outcome(finding)] contains [i, finding] if {
	some i, row in input.rows
	some finding in judgeable(row)
	finding.category in categories
}

# The language of a row is judged like a finding: one that nobody wants is one.
judgeable(row) := array.concat(row.findings, [{
	"category": "language",
	"kind": object.get(row, "language", "und"),
	"count": 1,
}])

default outcome(_) := "refuse"

outcome(finding) := chosen.action if {
	chosen := treatment(finding)
	sound(finding.category, chosen)
	within(chosen, finding.count)
}

# What to do with each kind of personal data. A kind that is absent is redacted, should the row ever be released.
treatments(row) := {finding.kind: action |
	some finding in row.findings
	finding.category == "pii"
	action := outcome(finding)
	action in (replacing | {"keep"})
}

# First the languages that are wanted, then the first case that holds, then what the kind or its category says.
treatment(finding) := {"action": "keep"} if wanted(finding)

treatment(finding) := first_case(entry) if {
	not wanted(finding)
	entry := entry_of(finding)
}

wanted(finding) if {
	finding.category == "language"
	data.tunables.findings.language.wanted[input.purpose] == null
}

wanted(finding) if {
	finding.category == "language"
	finding.kind in data.tunables.findings.language.wanted[input.purpose]
}

entry_of(finding) := object.get(findings, ["kinds", finding.kind], findings["default"]) if {
	findings := data.tunables.findings[finding.category]
}

first_case(entry) := object.union({"by": []}, entry) if count(holding(entry)) == 0

first_case(entry) := holding(entry)[0] if count(holding(entry)) > 0

holding(entry) := [case | some case in object.get(entry, "by", []); holds(case)]

holds(case) if {
	every fact, accepted in case.when {
		situation[fact] in accepted
	}
}

situation := {"purpose": lib.field(["purpose"]), "tier": lib.field(["source", "tier"]), "people": people}

# Persons are real until the source's owner states otherwise.
default people := "real"

people := input.source.people if input.source.people in {"fictional", "public"}

within(chosen, count_) if count_ <= object.get(chosen, "limit", count_)

# METADATA
# title: Treatments of findings are sound
# description: Every category has a default, and every treatment an action, its limit and conditions that exist.
# custom:
#   code: INTAKE_TREATMENTS_MALFORMED
#   remedy: mend policies/tunables/findings as its first lines say, and build the bundle again
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	some category in categories
	not treatments_sound(category)
	msg := sprintf("the treatments of %v findings cannot be followed", [category])
}

treatments_sound(category) if {
	findings := data.tunables.findings[category]
	sound(category, findings["default"])
	every entry in array.concat([findings["default"]], [kind | some kind in findings.kinds]) {
		sound(category, entry)
		every case in object.get(entry, "by", []) {
			sound(category, case)
			object.keys(case.when) - object.keys(situation) == set()
			every accepted in case.when {
				is_array(accepted)
			}
		}
	}
}

sound(_, chosen) if {
	chosen.action in {"keep", "quarantine", "refuse"}
	is_number(object.get(chosen, "limit", 0))
}

# How much of it replacing may cure is always said.
sound("pii", chosen) if {
	chosen.action in replacing
	is_number(chosen.limit)
}
