# METADATA
# title: Policies about the policies
# description: >-
#   Asked with {"modules": [{"path": ..., "module": ...}]}, each module as `opa parse --format json` prints it. The test
#   suite asks it about this very folder.
package assay.conventions

# Rules that make a gate's answer: partial sets and objects of violations.
verdict_names := {"deny", "warn", "deny_row", "quarantine_row", "redact_row"}

modules contains entry if {
	some entry in input.modules
	not endswith(package_of(entry), "_test")
}

tests contains entry if {
	some entry in input.modules
	endswith(package_of(entry), "_test")
}

package_of(entry) := concat(".", [part.value | some part in array.slice(entry.module["package"].path, 1, 99)])

name_of(rule) := rule.head.ref[0].value

# The place is part of it: two rules that look the same are two.
verdicts contains {"path": entry.path, "place": i, "rule": rule} if {
	some entry in modules
	some i, rule in entry.module.rules
	name_of(rule) in verdict_names
}

# METADATA
# title: There is something to judge
# description: Without modules, or without a single verdict, nothing was read.
# custom:
#   code: CONVENTIONS_NOTHING_READ
#   remedy: give the modules as `opa parse --format json` prints them
#   overridable: false
deny contains finding(rego.metadata.rule(), "policies", "no verdict rule was read") if count(verdicts) == 0

# METADATA
# title: Every verdict says what it is
# description: Title, description, code, remedy and whether it may be overridden stand in the metadata of each rule.
# custom:
#   code: CONVENTIONS_METADATA_MISSING
#   remedy: write the METADATA block above the rule
#   overridable: false
deny contains finding(rego.metadata.rule(), verdict.path, said(verdict.rule)) if {
	some verdict in verdicts
	rule := verdict.rule
	not documented(rule)
}

documented(rule) if {
	some annotation in rule.annotations
	annotation.scope == "rule"
	annotation.title != ""
	annotation.description != ""
	annotation.custom.remedy != ""
	is_boolean(annotation.custom.overridable)
	regex.match(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$`, annotation.custom.code)
}

# METADATA
# title: A code names one rule
# description: Two rules with one code could not be told apart in a decision.
# custom:
#   code: CONVENTIONS_CODE_TWICE
#   remedy: give each rule its own code
#   overridable: false
deny contains finding(rego.metadata.rule(), "policies", code) if {
	some code in codes
	count([1 | some verdict in verdicts; code_of(verdict.rule) == code]) > 1
}

codes contains code_of(verdict.rule) if some verdict in verdicts

code_of(rule) := rule.annotations[_].custom.code

# METADATA
# title: Every code is tested
# description: The code of each rule is asserted in a test.
# custom:
#   code: CONVENTIONS_NOT_TESTED
#   remedy: write a test that expects the code
#   overridable: false
deny contains finding(rego.metadata.rule(), "policies", code) if {
	some code in codes
	not code in tested
}

tested contains value.value if {
	some entry in tests
	walk(entry.module.rules, [_, value])
	value.type == "string"
}

# METADATA
# title: Nothing is negated that can vanish
# description: >-
#   `not f(input.x)` is undefined, not true, when input.x is absent: the refusal would vanish with the fact. A negated
#   call takes bound variables and literals only.
# custom:
#   code: CONVENTIONS_NEGATED_CALL
#   remedy: negate a helper rule whose body makes the call
#   overridable: false
deny contains finding(rego.metadata.rule(), verdict.path, said(verdict.rule)) if {
	some verdict in verdicts
	some expression in verdict.rule.body
	expression.negated == true
	is_array(expression.terms)
	operator(expression) != "equal"
	some argument in array.slice(expression.terms, 1, 99)
	argument.type in {"ref", "call"}
}

operator(expression) := expression.terms[0].value[0].value

# METADATA
# title: Metadata and data agree on overrides
# description: A code that the data lets people override says so in its metadata, and the other way round.
# custom:
#   code: CONVENTIONS_OVERRIDES_DIFFER
#   remedy: change tunables/overrides and the rule's metadata together
#   overridable: false
deny contains finding(rego.metadata.rule(), "policies", code) if {
	some code in ((overridable_by_rule - overridable_by_data) | (overridable_by_data - overridable_by_rule))
}

overridable_by_rule contains code_of(verdict.rule) if {
	some verdict in verdicts
	verdict.rule.annotations[_].custom.overridable == true
}

overridable_by_data := object.keys(data.tunables.overrides.roles)

# METADATA
# title: Every gate is an entrypoint
# description: The decision of a gate is marked as what callers ask.
# custom:
#   code: CONVENTIONS_NO_ENTRYPOINT
#   remedy: mark the rule `decision` with `entrypoint`
#   overridable: false
deny contains finding(rego.metadata.rule(), "policies", gate) if {
	some gate in {"intake", "licences", "training", "review", "release", "routes", "data_review", "data_approval", "erasure"}
	not gate in marked
}

marked contains split(package_of(entry), ".")[1] if {
	some entry in modules
	some rule in entry.module.rules
	name_of(rule) == "decision"
	rule.annotations[_].entrypoint == true
}

finding(meta, path, what) := {"code": meta.custom.code, "msg": sprintf("%s: %v", [path, what]), "remedy": meta.custom.remedy}

said(rule) := sprintf("%v at line %v", [name_of(rule), object.get(rule, ["location", "row"], "?")])
