package assay.intake_test

import data.assay.intake
import data.assay.testing_test as t

finding(category, kind, count_) := {"category": category, "kind": kind, "count": count_}

found(category, kind, count_) := with_row("findings", [finding(category, kind, count_)])

fate(decided_row) := [decided_row.action, t.codes(decided_row.violations), decided_row.treatments]

# One finding in a row of a source with other facts.
found_in(stated, category, kind, count_) := decided_row if {
	changed := object.union(facts, {"source": object.union(facts.source, stated)})
	asked := t.changed(changed, ["rows", 0, "findings"], [finding(category, kind, count_)])
	decided_row := decided(asked).rows[0]
}

test_redacts_few_findings_of_a_kind if {
	fate(found("pii", "EMAIL_ADDRESS", 3)) == ["redact", {"ROW_REDACTED"}, {"EMAIL_ADDRESS": "redact"}]
}

test_refuses_more_than_redaction_cures if {
	fate(found("pii", "EMAIL_ADDRESS", 4)) == ["refuse", {"ROW_PII_REFUSED"}, {}]
}

test_refuses_kind_that_never_enters if {
	fate(found("pii", "CREDIT_CARD", 1)) == ["refuse", {"ROW_PII_REFUSED"}, {}]
}

test_refuses_kind_that_nobody_listed if found("pii", "SHOE_SIZE", 1).action == "refuse"

test_refuses_category_that_nobody_knows if found("mood", "gloomy", 1).action == "refuse"

test_keeps_kind_that_is_harmless if fate(found("pii", "DATE_TIME", 40)) == ["accept", set(), {"DATE_TIME": "keep"}]

test_keeps_invented_and_public_people if {
	every people in {"fictional", "public"} {
		fate(found_in({"people": people}, "pii", "PERSON", 9)) == ["accept", set(), {"PERSON": "keep"}]
	}
	found_in({"people": "fictional"}, "pii", "STREET_ADDRESS", 9).action == "accept"
	found_in({"people": "public"}, "pii", "STREET_ADDRESS", 9).action == "refuse"
}

test_takes_people_for_real_when_their_owner_says_nothing_known if {
	every people in {"real", "imaginary", null} {
		found_in({"people": people}, "pii", "PERSON", 9).action == "refuse"
	}
}

test_invented_people_excuse_no_card_and_no_secret if {
	found_in({"people": "fictional"}, "pii", "CREDIT_CARD", 1).action == "refuse"
	found_in({"people": "fictional"}, "secret", "AWS Access Key", 1).action == "refuse"
}

test_refuses_secret if fate(found("secret", "AWS Access Key", 1)) == ["refuse", {"ROW_SECRET_FOUND"}, {}]

test_quarantines_what_a_person_can_judge if {
	fate(found("toxicity", "profanity", 1)) == ["quarantine", {"ROW_QUARANTINED_TOXICITY"}, {}]
	fate(found("licence", "MIT", 1)) == ["quarantine", {"ROW_QUARANTINED_LICENCE"}, {}]
	fate(found("injection", "override", 1)) == ["quarantine", {"ROW_QUARANTINED_INJECTION"}, {}]
}

test_refuses_what_nobody_would_look_through if {
	fate(found_in({"tier": "scraped"}, "toxicity", "profanity", 1)) == ["refuse", {"ROW_TOXIC"}, {}]
	fate(found_in({"tier": "scraped"}, "injection", "override", 1)) == ["refuse", {"ROW_INJECTION"}, {}]
}

test_refuses_text_under_a_forbidden_licence if {
	fate(found("licence", "GPL-3.0-or-later", 1)) == ["refuse", {"ROW_LICENCE_TEXT"}, {}]
}

test_refuses_what_repeats_a_row_or_a_suite if {
	fate(found("near-duplicate", "row", 1)) == ["refuse", {"ROW_NEAR_DUPLICATE"}, {}]
	fate(found("contamination", "prompt", 1)) == ["refuse", {"ROW_CONTAMINATED"}, {}]
}

evaluating(category) := decided(object.union(facts, {
	"purpose": "evaluate",
	"source": object.union(facts.source, {"purposes": ["evaluate"], "regulated": false}),
	"rows": [object.union(row, {"purposes": ["evaluate"], "findings": [finding(category, "row", 1)]})],
})).rows[0]

test_rows_for_evaluation_may_repeat_each_other if {
	evaluating("near-duplicate").action == "accept"
	evaluating("contamination").action == "accept"
}

test_refusing_outranks_quarantine_and_quarantine_outranks_redaction if {
	mail := finding("pii", "EMAIL_ADDRESS", 1)
	curse := finding("toxicity", "profanity", 1)
	secret := finding("secret", "AWS Access Key", 1)
	quarantined := with_row("findings", [mail, curse])
	fate(quarantined) == ["quarantine", {"ROW_REDACTED", "ROW_QUARANTINED_TOXICITY"}, {"EMAIL_ADDRESS": "redact"}]
	with_row("findings", [mail, curse, secret]).action == "refuse"
}

# Decided under tunables in which one entry is another.
decided_under(path, value, finding_) := decided_row if {
	tunables := t.changed(data.tunables.findings, path, value)
	asked := t.changed(facts, ["rows", 0, "findings"], [finding_])
	decision := intake.decision with input as asked with data.tunables.findings as tunables
	decided_row := decision.rows[0]
}

mail_treated(treatment) := decided_under(["pii", "kinds", "EMAIL_ADDRESS"], treatment, finding("pii", "EMAIL_ADDRESS", 1))

test_replaces_as_the_tunables_say if {
	fate(mail_treated({"action": "pseudonym", "limit": 3})) == [
		"redact",
		{"ROW_PSEUDONYMISED"},
		{"EMAIL_ADDRESS": "pseudonym"},
	]
	fate(mail_treated({"action": "synthetic", "limit": 3})) == ["redact", {"ROW_SYNTHESISED"}, {"EMAIL_ADDRESS": "synthetic"}]
}

test_quarantines_every_category_that_the_tunables_say if {
	codes := {
		"pii": "ROW_QUARANTINED_PII",
		"secret": "ROW_QUARANTINED_SECRET",
		"near-duplicate": "ROW_QUARANTINED_NEAR_DUPLICATE",
		"contamination": "ROW_QUARANTINED_CONTAMINATION",
	}
	every category, code in codes {
		decided_row := decided_under([category, "kinds", "SHOE_SIZE"], {"action": "quarantine"}, finding(category, "SHOE_SIZE", 1))
		fate(decided_row) == ["quarantine", {code}, {}]
	}
}

test_the_first_case_that_holds_counts if {
	cases := [
		{"when": {"tier": ["scraped"]}, "action": "refuse"},
		{"when": {"purpose": ["train-tenant-model"], "tier": ["curated"]}, "action": "pseudonym", "limit": 1},
		{"when": {}, "action": "keep"},
	]
	mail_treated({"action": "refuse", "by": cases}).treatments == {"EMAIL_ADDRESS": "pseudonym"}
}

wanting(languages, decided_language) := decision.rows[0] if {
	asked := t.changed(facts, ["rows", 0, "language"], decided_language)
	decision := intake.decision with input as asked
		with data.tunables.findings.language.wanted["train-tenant-model"] as languages
}

test_takes_all_languages_until_some_are_wanted if {
	wanting(null, "fr").action == "accept"
	wanting(["en", "de"], "de").action == "accept"
	fate(wanting(["en", "de"], "fr")) == ["refuse", {"ROW_LANGUAGE_NOT_WANTED"}, {}]
	fate(wanting(["en", "de"], "und")) == ["quarantine", {"ROW_QUARANTINED_LANGUAGE"}, {}]
}

# Refused with its reason, and the row refused whatever was found in it.
malformed(path, value) if {
	tunables := t.changed(data.tunables.findings, path, value)
	decision := intake.decision with input as facts with data.tunables.findings as tunables
	t.codes(decision.violations) == {"INTAKE_TREATMENTS_MALFORMED"}
	decision.rows[0].action == "refuse"
}

test_refuses_treatments_that_cannot_be_followed if {
	mail := ["pii", "kinds", "EMAIL_ADDRESS"]
	malformed(["pii", "default"], null)
	malformed(mail, {"action": "redact"})
	malformed(mail, {"action": "redact", "limit": "3"})
	malformed(mail, {"action": "accept"})
	malformed(mail, {"action": "keep", "by": [{"action": "refuse"}]})
	malformed(mail, {"action": "keep", "by": [{"when": {"teir": ["scraped"]}, "action": "refuse"}]})
	malformed(mail, {"action": "keep", "by": [{"when": {"tier": "scraped"}, "action": "refuse"}]})
	malformed(["secret", "default"], {"action": "redact", "limit": 1})
}

test_refuses_every_row_without_treatments if {
	decision := intake.decision with input as facts with data.tunables.findings as {}
	decision.rows[0].action == "refuse"
	"INTAKE_TREATMENTS_MALFORMED" in t.codes(decision.violations)
}
