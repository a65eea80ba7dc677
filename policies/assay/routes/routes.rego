# METADATA
# title: Routes gate
# description: May each (tenant, version) pair of a route table meet. Asked when a table is compiled, not per request.
package assay.routes

import data.assay.lib

# METADATA
# entrypoint: true
# title: Decision of the routes gate
# description: allow, violations, warnings.
decision := lib.decision(deny, set(), set())

# METADATA
# title: Facts are complete
# description: The table has a revision, and every pair names tenant, model, use, version or base, and base digest.
# custom:
#   code: ROUTE_FACTS_MISSING
#   remedy: compile the table again; a pair without a version states null
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), "the table's revision or a pair's facts are not stated") if not stated

stated if {
	is_number(input.revision)
	input.revision > 0
	is_array(input.pairs)
	count(input.pairs) > 0
	every pair in input.pairs {
		lib.is_text(pair.tenant)
		lib.is_text(pair.model)
		pair.use in {"stable", "canary", "shadow", "warm"}
		lib.is_digest(pair.base_digest)
		is_array(pair.incidents)
		known(pair.version)
	}
}

# Null is the base model itself, stated on purpose; an absent field is not.
known(version) if version == null

known(version) if {
	lib.is_digest(version.digest)
	is_boolean(version.on_trial)
}

routed contains pair if {
	some pair in input.pairs
	pair.version != null
}

# METADATA
# title: No version crosses tenants
# description: A tenant's route leads to versions of that tenant only.
# custom:
#   code: ROUTE_CROSSES_TENANTS
#   remedy: route a version that belongs to this tenant
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	some pair in routed
	not pair.version.tenant == pair.tenant
	msg := sprintf("%v is not a version of the tenant of this route", [digest_of(pair)])
}

# METADATA
# title: Version belongs to the model
# description: A version was promoted for one model of its tenant and is not routed under another name.
# custom:
#   code: ROUTE_OF_ANOTHER_MODEL
#   remedy: promote the version for this model
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	some pair in routed
	not pair.version.model == pair.model
	msg := sprintf("%v is not a version of this model", [digest_of(pair)])
}

# METADATA
# title: Version fits the base
# description: An adapter is served on exactly the base model that it was trained on.
# custom:
#   code: ROUTE_BASE_MISMATCH
#   remedy: route the version on its own base, or train it on this one
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	some pair in routed
	not pair.version.base_digest == pair.base_digest
	msg := sprintf("%v was trained on another base", [digest_of(pair)])
}

# METADATA
# title: Version is not quarantined
# description: A quarantined version is never loaded, warm included.
# custom:
#   code: ROUTE_QUARANTINED
#   remedy: route another version
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	some pair in routed
	not pair.version.quarantined == false
	msg := sprintf("%v is quarantined", [digest_of(pair)])
}

# METADATA
# title: Version is signed
# description: A version without a signature in the registry is not routed.
# custom:
#   code: ROUTE_NOT_SIGNED
#   remedy: sign the version by promoting it
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	some pair in routed
	not pair.version.signed == true
	msg := sprintf("%v is not signed", [digest_of(pair)])
}

# METADATA
# title: Version is released
# description: The release gate has allowed this version.
# custom:
#   code: ROUTE_NOT_RELEASED
#   remedy: promote the version; its release decision must allow
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	some pair in routed
	not pair.version.released == true
	msg := sprintf("%v has no release decision that allows", [digest_of(pair)])
}

# METADATA
# title: Version is staged, on trial or in production
# description: Traffic, shadowed too, meets what a pointer holds or what is being rolled out; an older release does not come back by itself.
# custom:
#   code: ROUTE_NOT_STAGED
#   remedy: promote the version again; that moves the staging pointer to it
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	some pair in routed
	not pointed_at(pair)
	msg := sprintf("%v is neither staged nor on trial nor in production", [digest_of(pair)])
}

# Warm versions answer nobody.
pointed_at(pair) if pair.use == "warm"

pointed_at(pair) if pair.version.staged == true

pointed_at(pair) if pair.version.in_production == true

# Staged when its rollout began; another version may have been staged since.
pointed_at(pair) if pair.version.on_trial == true

# METADATA
# title: No open root cause
# description: While a rollback waits for its root cause, traffic meets nothing but what is in production.
# custom:
#   code: ROUTE_ROOT_CAUSE_OPEN
#   remedy: record the root cause of the rollback
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	some pair in routed
	not explained(pair)
	msg := sprintf("a rollback of %v waits for its root cause", [object.get(pair, "model", null)])
}

explained(pair) if pair.use == "warm"

explained(pair) if pair.version.in_production == true

explained(pair) if {
	pair.version.in_production == false
	pair.incidents == []
}

digest_of(pair) := object.get(pair, ["version", "digest"], null)
