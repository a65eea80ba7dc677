package assay.intake_test

import data.assay.testing_test as t

found(category, kind, count_) := with_row("findings", [{"category": category, "kind": kind, "count": count_}])

row_refused(name, value) := t.codes(decided_row.violations) if {
	decided_row := with_row(name, value)
	decided_row.action == "refuse"
}

test_refuses_row_with_its_own_narrower_terms if {
	row_refused("licences", ["CC-BY-NC-4.0"]) == {"ROW_LICENCE_NOT_PERMITTED"}
	row_refused("consent", "withdrawn") == {"ROW_CONSENT_MISSING"}
	row_refused("purposes", ["evaluate"]) == {"ROW_PURPOSE_NOT_PERMITTED"}
}

test_refuses_row_that_was_not_screened if {
	row_refused("findings", null) == {"ROW_FACTS_MISSING"}
	row_refused("findings", [{"category": "pii", "kind": "SHOE_SIZE", "count": 0}]) == {"ROW_FACTS_MISSING", "ROW_PII_REFUSED"}
	row_refused("findings", [{"category": "mood", "kind": "gloomy", "count": 1}]) == {"ROW_FACTS_MISSING"}
}

test_redacts_few_redactable_findings if {
	decided_row := found("pii", "EMAIL_ADDRESS", 2)
	decided_row.action == "redact"
	t.codes(decided_row.violations) == {"ROW_REDACTED"}
}

test_refuses_too_many_redactable_findings if {
	decided_row := found("pii", "EMAIL_ADDRESS", 40)
	decided_row.action == "refuse"
	t.codes(decided_row.violations) == {"ROW_PII_REFUSED"}
}

test_refuses_kind_that_is_not_redacted if found("pii", "CREDIT_CARD", 1).action == "refuse"

test_refuses_kind_that_nobody_listed if found("pii", "SHOE_SIZE", 1).action == "refuse"

test_refuses_secret if t.codes(found("secret", "AWS Access Key", 1).violations) == {"ROW_SECRET_FOUND"}

test_refuses_toxic_row if t.codes(found("toxicity", "threat", 1).violations) == {"ROW_TOXIC"}

test_accepts_kind_that_is_listed_as_harmless if {
	decided_row := found("pii", "DATE_TIME", 3) with data.tunables.findings.pii.kinds as {"DATE_TIME": {"action": "accept"}}
	decided_row.action == "accept"
}

test_answers_for_every_row_in_order if {
	ids := [t.digest("1"), t.digest("2"), t.digest("3")]
	asked := object.union(facts, {"rows": [object.union(row, {"row_id": id}) | some id in ids]})
	[decided_row.row_id | some decided_row in decided(asked).rows] == ids
}
