package assay.lib

# Ways to comply with a licence expression, as facts state them: a flat list is the only way, a list of lists are ways
# to choose from. Whatever is neither has none.
ways(licences) := [licences] if {
	is_array(licences)
	count(licences) > 0
	every licence in licences {
		is_string(licence)
	}
}

ways(licences) := licences if {
	is_array(licences)
	count(licences) > 0
	every way in licences {
		is_array(way)
		count(way) > 0
	}
}

licence_permitted(licence, purpose, family) if licence in data.tunables.licences[family][purpose]

# `A WITH B` is A with more permission, where B is an exception that this house has read.
licence_permitted(licence, purpose, family) if {
	[main, exception] := split(licence, " WITH ")
	main in data.tunables.licences[family][purpose]
	exception in data.tunables.licences.exceptions
}

# The house may choose one way, and needs all of it.
licences_permitted(licences, purpose, family) if count(permitted_ways(licences, purpose, family)) > 0

permitted_ways(licences, purpose, family) := [way |
	some way in ways(licences)
	every licence in way {
		licence_permitted(licence, purpose, family)
	}
]

# What a licence asks of those who pass on what was made under it. One that nobody has listed asks for notice: naming it
# once too often harms nobody.
obligations_of(licence) := {o | some o in object.get(data.tunables.licences.obligations, main, ["notice"])} if {
	main := split(licence, " WITH ")[0]
}

obligations(way) := {o | some licence in way; some o in obligations_of(licence)}

# The way that asks for least; of those that ask for the same the first by name, so that the same facts choose the same.
chosen_way(candidates) := sort([[count(obligations(way)), way] | some way in candidates])[0][1] if count(candidates) > 0

# Obligations of two licences that one set of weights cannot keep together, as "licence and licence".
conflicts(left, right) := {concat(" and ", sort([a, b])) |
	some a in left
	some b in right
	a != b
	some pair in data.tunables.licences.conflicts
	opposed(obligations_of(a), obligations_of(b), pair)
}

opposed(one, other, pair) if {
	some i in {0, 1}
	pair[i] in one
	pair[1 - i] in other
}

# How rows under one expression may be used beside the base: the way that is chosen, what it asks for, and the outcome.
licence_verdict(term, purpose, base) := object.union(said(term), {
	"outcome": outcome(asked),
	"chosen": way,
	"obligations": asked,
}) if {
	candidates := [way |
		some way in permitted_ways(term.licences, purpose, "rows")
		count(conflicts(way, base)) == 0
	]
	way := chosen_way(candidates)
	asked := obligations(way)
} else := object.union(said(term), {"outcome": "refused", "chosen": [], "obligations": set()})

said(term) := {"expression": object.get(term, "expression", null), "rows": object.get(term, "rows", null)}

outcome(asked) := "allowed with notice" if "notice" in asked

else := "allowed"

# Rows are counted by expression; what is not counted is not known.
term_stated(term) if {
	is_text(term.expression)
	is_number(term.rows)
	term.rows > 0
	count(ways(term.licences)) > 0
}

# The licences under which the base is used: its way that asks for least, or none when it has no permitted one.
base_way(licences, purpose) := chosen_way(permitted_ways(licences, purpose, "bases"))

conflicts_among(verdicts) := {pair |
	some i, one in verdicts
	some j, other in verdicts
	i < j
	some pair in conflicts(one.chosen, other.chosen)
}
