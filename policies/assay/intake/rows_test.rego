package assay.intake_test

import data.assay.testing_test as t

row_refused(name, value) := t.codes(decided_row.violations) if {
	decided_row := with_row(name, value)
	decided_row.action == "refuse"
}

test_refuses_row_with_its_own_narrower_terms if {
	row_refused("licences", ["CC-BY-NC-4.0"]) == {"ROW_LICENCE_NOT_PERMITTED"}
	row_refused("consent", "withdrawn") == {"ROW_CONSENT_MISSING"}
	row_refused("purposes", ["evaluate"]) == {"ROW_PURPOSE_NOT_PERMITTED"}
}

test_refuses_a_tenants_row_that_stands_in_open_data_for_a_shared_model if {
	mixed := t.changed(open, ["rows", 0, "licences"], ["CC0-1.0", "LicenseRef-tenant-agreement"])
	decision := decided(mixed)
	decision.allow
	t.codes(decision.rows[0].violations) == {"ROW_SHARED_USE_WITHOUT_CONTRACT"}
	agreed := object.union(mixed, {"source": object.union(open.source, {
		"consent": "contract",
		"improves_shared_models": true,
	})})
	decided(agreed).rows[0].action == "accept"
}

test_refuses_row_that_was_not_screened if {
	row_refused("findings", null) == {"ROW_FACTS_MISSING"}
	row_refused("findings", [{"category": "pii", "kind": "SHOE_SIZE", "count": 0}]) == {"ROW_FACTS_MISSING", "ROW_PII_REFUSED"}
	row_refused("findings", [{"category": "mood", "kind": "gloomy", "count": 1}]) == {"ROW_FACTS_MISSING"}
}

test_answers_for_every_row_in_order if {
	ids := [t.digest("1"), t.digest("2"), t.digest("3")]
	asked := object.union(facts, {"rows": [object.union(row, {"row_id": id}) | some id in ids]})
	[decided_row.row_id | some decided_row in decided(asked).rows] == ids
}
