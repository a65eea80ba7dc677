# METADATA
# title: Licences gate
# description: >-
#   May rows under these licences be used for this purpose, beside this base model, and what do they ask for. It is asked
#   about a dataset for its sheet, when no base is chosen yet, and about a plan.
package assay.licences

import data.assay.lib

# METADATA
# entrypoint: true
# title: Decision of the licences gate
# description: Besides allow, violations and warnings, one verdict in `terms` for every expression that was asked about.
decision := object.union(lib.decision(deny, warn, set()), {"outcome": outcome, "terms": verdicts})

verdicts := [lib.licence_verdict(term, lib.field(["purpose"]), base) | some term in input.terms]

outcome := "refused" if count(deny) > 0

outcome := "allowed with notice" if {
	count(deny) == 0
	count(warn) > 0
}

outcome := "allowed" if {
	count(deny) == 0
	count(warn) == 0
}

# No base is chosen yet, or the way in which its licence is complied with.
default base := []

base := lib.base_way(input.base.licences, input.purpose)

# METADATA
# title: Facts about licences are complete
# description: The purpose is stated, and for every expression its ways to comply and the rows under it.
# custom:
#   code: LICENCE_FACTS_MISSING
#   remedy: state the purpose, the base (null when none is chosen), and expression, ways and rows of each licence
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), "purpose, base or the rows under a licence are not stated") if not stated

stated if {
	lib.is_text(input.purpose)
	object.get(input, "base", false) != false
	is_array(input.terms)
	count(input.terms) > 0
	every term in input.terms {
		lib.term_stated(term)
	}
}

# METADATA
# title: Rows are under licences that permit the purpose
# description: Of every expression that rows are under, one way to comply is listed for this purpose and fits the base.
# custom:
#   code: LICENCE_OF_ROWS_REFUSED
#   remedy: leave these rows out, get them under another licence, or choose another base
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	some verdict in verdicts
	verdict.outcome == "refused"
	msg := sprintf("%v rows under %v may not be used", [verdict.rows, verdict.expression])
}

# METADATA
# title: Licence of the base permits the purpose
# description: One way to comply with the licence of the base, where there is one, is listed for this purpose.
# custom:
#   code: LICENCE_OF_BASE_REFUSED
#   remedy: choose a base model under a listed licence
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	not base_permitted
	msg := sprintf("base licence %v does not permit %v", [lib.field(["base", "licence"]), lib.field(["purpose"])])
}

base_permitted if object.get(input, "base", false) == null

base_permitted if lib.licences_permitted(input.base.licences, input.purpose, "bases")

# METADATA
# title: Licences of rows stand beside each other
# description: No two licences under which rows are used ask for what cannot be kept together.
# custom:
#   code: LICENCES_OF_ROWS_CONFLICT
#   remedy: make two datasets, and train a model on each
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	some pair in lib.conflicts_among(verdicts)
	msg := sprintf("rows under %s cannot be in one model", [pair])
}

# METADATA
# title: Licences that ask for notice
# description: Whoever passes on what is trained on these rows names the work, its makers and its licence.
# custom:
#   code: LICENCE_NOTICE_ASKED
#   remedy: pass NOTICE on with the weights; `assay evidence` exports it
#   overridable: false
warn contains lib.violation(rego.metadata.rule(), msg) if {
	some verdict in verdicts
	verdict.outcome == "allowed with notice"
	msg := sprintf("%v rows under %v ask for notice", [verdict.rows, verdict.expression])
}
