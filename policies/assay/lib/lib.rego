# METADATA
# title: Shared helpers of the gates
# description: >-
#   Violations take code and remedy from the metadata of the rule that raises them. A field that a message needs and
#   that is absent must never make the violation vanish, so helpers are total.
package assay.lib

# What a rule found; `meta` is its rego.metadata.rule().
violation(meta, msg) := {
	"code": code,
	"msg": msg,
	"remedy": object.get(meta, ["custom", "remedy"], "report this rule: it has no remedy"),
	"overridable": overridable(meta, code),
} if {
	code := object.get(meta, ["custom", "code"], "RULE_WITHOUT_CODE")
}

default overridable(_, _) := false

overridable(meta, code) if {
	meta.custom.overridable == true
	count(data.tunables.overrides.roles[code]) > 0
}

# The document every gate answers with. An override moves what it names, if it may be moved, to the warnings.
decision(denied, warned, overridden) := {
	"allow": count(violations) == 0,
	"violations": violations,
	"warnings": (warned | moved),
} if {
	violations := {v | some v in denied; not taken(v, overridden)}
	moved := {object.union(v, {"msg": sprintf("overridden: %s", [v.msg])}) | some v in denied; taken(v, overridden)}
}

taken(v, overridden) if {
	v.overridable == true
	v.code in overridden
}

# A path of the input, or null: total, for messages.
default field(_) := null

field(path) := object.get(input, path, null)

is_digest(value) if {
	is_string(value)
	regex.match(`^sha256:[0-9a-f]{64}$`, value)
}

is_text(value) if {
	is_string(value)
	value != ""
}

# Who gets the mail of an address: a tag after a plus makes nobody a second person.
principal(person) := regex.replace(person, `^([^@+]+)\+[^@]*`, "$1")

# A share between 0 and 1; everything else, absent values included, is undefined.
is_share(value) if {
	is_number(value)
	value >= 0
	value <= 1
}
