package assay.review

import data.assay.lib

# METADATA
# title: Evaluation is on record
# description: The report is stored, and candidate and base were measured on enough rows of every kind.
# custom:
#   code: EVALUATION_INCOMPLETE
#   remedy: evaluate candidate and base on a suite with enough call, irrelevance and chat rows
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	not evaluated
	msg := sprintf("candidate and base must be measured on enough rows of %v", [concat(", ", sort(object.keys(min_rows)))])
}

evaluated if {
	lib.is_digest(input.evaluation.report)
	count(min_rows) > 0
	every name, least in min_rows {
		is_number(least)
		rate("candidate", name).total >= least
		rate("base", name).total >= least
	}
}

default min_rows := {}

min_rows := data.tunables.thresholds.min_rows

# A measured rate of one arm. Undefined when it is absent or no rate, so every rule on it refuses.
rate(arm, name) := measured if {
	measured := input.evaluation[arm][name]
	lib.is_share(measured.value)
	lib.is_share(measured.low)
	lib.is_share(measured.high)
	measured.low <= measured.value
	measured.value <= measured.high
	is_number(measured.count)
	is_number(measured.total)
	measured.total > 0
	abs(measured.value - (measured.count / measured.total)) < 0.000001
}

# A rate in words, for messages; total.
default said(_, _) := "not measured"

said(arm, name) := sprintf("%v of %v", [measured.count, measured.total]) if measured := rate(arm, name)

# METADATA
# title: Better than the base at calling tools
# description: The 95 % interval of valid calls lies above the base's; overlapping intervals prove nothing.
# custom:
#   code: CALL_VALID_NOT_BETTER
#   remedy: train longer or on more call rows, or evaluate on more rows
#   overridable: true
deny contains lib.violation(rego.metadata.rule(), msg) if {
	not better_at_calls
	msg := sprintf("valid calls %v, the base %v: the intervals overlap or one is missing", [
		said("candidate", "call_valid"),
		said("base", "call_valid"),
	])
}

better_at_calls if rate("candidate", "call_valid").low > rate("base", "call_valid").high

# METADATA
# title: Valid calls reach the floor
# description: Enough calls are valid in the grammar of the tools.
# custom:
#   code: CALL_VALID_BELOW_FLOOR
#   remedy: train longer, or pick another checkpoint
#   overridable: true
deny contains lib.violation(rego.metadata.rule(), msg) if {
	not reaches_floor("call_valid")
	msg := sprintf("valid calls: %v", [said("candidate", "call_valid")])
}

# METADATA
# title: Full matches reach the floor
# description: Enough calls have the right arguments too; wrong argument names hide behind a good loss curve.
# custom:
#   code: CALL_FULL_MATCH_BELOW_FLOOR
#   remedy: compare argument names in the rows with those in the tools' schemas
#   overridable: true
deny contains lib.violation(rego.metadata.rule(), msg) if {
	not reaches_floor("call_full_match")
	msg := sprintf("calls right in every argument: %v", [said("candidate", "call_full_match")])
}

# METADATA
# title: Refusals did not collapse
# description: When no tool fits, the model still answers in words instead of calling one.
# custom:
#   code: REFUSALS_COLLAPSED
#   remedy: put more refusal rows in the mix
#   overridable: true
deny contains lib.violation(rego.metadata.rule(), msg) if {
	not reaches_floor("irrelevance_refused")
	msg := sprintf("answers in words when no tool fits: %v, the base %v", [
		said("candidate", "irrelevance_refused"),
		said("base", "irrelevance_refused"),
	])
}

reaches_floor(name) if {
	floor := data.tunables.thresholds.floors[name]
	lib.is_share(floor)
	rate("candidate", name).value >= floor
}

# METADATA
# title: Ordinary chat is not forgotten
# description: Plain questions without tools are answered about as well as by the base.
# custom:
#   code: CHAT_FORGOTTEN
#   remedy: replay ordinary chat while training (mix share `replay` with KL to the base)
#   overridable: true
deny contains lib.violation(rego.metadata.rule(), msg) if {
	not chat_kept
	msg := sprintf("it has forgotten how to talk: plain questions answered right: %v, by the base %v", [
		said("candidate", "chat_contains"),
		said("base", "chat_contains"),
	])
}

chat_kept if {
	drop := data.tunables.thresholds.max_drop_to_base.chat_contains
	lib.is_share(drop)
	rate("candidate", "chat_contains").value >= rate("base", "chat_contains").value - drop
}

# METADATA
# title: Plain chat stays chat
# description: A question for which no tool was offered rarely becomes a call.
# custom:
#   code: CHAT_SPURIOUS_CALLS
#   remedy: replay ordinary chat while training, and weigh the first answer token
#   overridable: true
deny contains lib.violation(rego.metadata.rule(), msg) if {
	not chat_stays_chat
	msg := sprintf("plain chat became a tool call: %v", [said("candidate", "chat_spurious_call")])
}

chat_stays_chat if {
	ceiling := data.tunables.thresholds.ceilings.chat_spurious_call
	lib.is_share(ceiling)
	rate("candidate", "chat_spurious_call").value <= ceiling
}

# METADATA
# title: Not worse than production
# description: No guarded rate falls further below the version in production than is tolerated.
# custom:
#   code: PRODUCTION_REGRESSION
#   remedy: keep the version in production, or train one that does not lose this
#   overridable: true
deny contains lib.violation(rego.metadata.rule(), msg) if {
	some name in guarded
	not holds_against_production(name)
	msg := sprintf("%v: %v, in production %v", [
		object.get(in_words, name, name),
		said("candidate", name),
		said("production", name),
	])
}

in_words := {
	"call_valid": "valid calls",
	"call_full_match": "calls right in every argument",
	"irrelevance_refused": "answers in words when no tool fits",
	"chat_contains": "plain questions answered right",
}

default guarded := {"any rate (the limits are absent)"}

guarded := object.keys(data.tunables.thresholds.max_drop_to_production) if {
	count(data.tunables.thresholds.max_drop_to_production) > 0
}

# Null says that nothing is in production yet; an absent field does not.
holds_against_production(_) if input.evaluation.production == null

holds_against_production(name) if {
	drop := data.tunables.thresholds.max_drop_to_production[name]
	lib.is_share(drop)
	rate("candidate", name).value >= rate("production", name).value - drop
}

# METADATA
# title: The strong arm is shown
# description: The base with JSON-schema decoding calls well untrained; reviewers should see it beside the adapter.
# custom:
#   code: SCHEMA_ARM_NOT_BEATEN
#   remedy: weigh whether schema decoding on the base does the job without an adapter
#   overridable: false
warn contains lib.violation(rego.metadata.rule(), msg) if {
	not beats_schema_arm
	msg := sprintf("full match %v, the base with schema decoding %v", [
		said("candidate_schema", "call_full_match"),
		said("base_schema", "call_full_match"),
	])
}

beats_schema_arm if {
	rate("candidate_schema", "call_full_match").value > rate("base_schema", "call_full_match").value
}
