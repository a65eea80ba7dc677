# METADATA
# title: Intake gate
# description: May rows of one source enter a dataset for this purpose, and what happens to each of them.
package assay.intake

import data.assay.lib

# METADATA
# entrypoint: true
# title: Decision of the intake gate
# description: Besides allow, violations and warnings, one entry in `rows` for every row that was asked about.
decision := object.union(lib.decision(deny, set(), set()), {"rows": rows})

# METADATA
# title: Facts are complete
# description: Tenant, purpose, time and the source's name, system of record and owner are stated.
# custom:
#   code: INTAKE_FACTS_MISSING
#   remedy: state tenant, purpose and the source's name, system and owner
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), "a source without tenant, purpose, name, system or owner is refused") if {
	not stated
}

stated if {
	lib.is_text(input.tenant)
	lib.is_text(input.purpose)
	lib.is_text(input.source.name)
	lib.is_text(input.source.system)
	lib.is_text(input.source.owner)
	time.parse_rfc3339_ns(input.now)
	is_array(input.rows)
}

# METADATA
# title: Licence permits the purpose
# description: >-
#   Of the source's licence one way to comply is listed in full for this purpose of use: OR is a choice, AND asks for all.
# custom:
#   code: LICENCE_NOT_PERMITTED
#   remedy: leave the source out, get it under another licence, or have the licence added to the matrix
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	not licence_permits
	msg := sprintf("licence %v does not permit %v", [lib.field(["source", "licence"]), lib.field(["purpose"])])
}

licence_permits if lib.licences_permitted(input.source.licences, input.purpose, "rows")

# METADATA
# title: Purpose of use is granted
# description: The source's owner granted this purpose.
# custom:
#   code: PURPOSE_NOT_PERMITTED
#   remedy: ask the owner of the source for this purpose of use
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	not purpose_granted
	msg := sprintf("%v is not among the purposes %v", [lib.field(["purpose"]), lib.field(["source", "purposes"])])
}

purpose_granted if input.purpose in input.source.purposes

# METADATA
# title: Consent is there
# description: The consent state of the source is enough for this purpose.
# custom:
#   code: CONSENT_MISSING
#   remedy: obtain consent, or leave the source out
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	not consented
	msg := sprintf("consent is %v", [lib.field(["source", "consent"])])
}

consented if input.source.consent in data.tunables.consent.enough[input.purpose]

# METADATA
# title: Tenant data improves shared models only under contract
# description: >-
#   Rows that a tenant owns train a model that other tenants use only when they are used under a contract, and its
#   customer agreed in it that they improve shared models (`improves_shared_models`).
# custom:
#   code: SHARED_USE_WITHOUT_CONTRACT
#   remedy: train the tenant's own model, or agree on shared use in the contract, and state that of the source
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), "tenant data may not improve a shared model without a contract") if {
	not source_shared_use_agreed
}

source_shared_use_agreed if shared_use_agreed(input.source)

# Of a source or a row, by its licences. The contract is the source's: a row states none.
shared_use_agreed(_) if input.purpose in {"train-tenant-model", "evaluate"}

# What is nobody's customer data needs no customer to agree.
shared_use_agreed(terms) if {
	owned := {licence | some licence in data.tunables.licences.tenant_owned}
	count(owned) > 0
	count(lib.ways(terms.licences)) > 0
	count({licence | some way in lib.ways(terms.licences); some licence in way} & owned) == 0
}

shared_use_agreed(_) if {
	input.source.consent in data.tunables.consent.shared_use_of_tenant_data
	input.source.improves_shared_models == true
}

# METADATA
# title: Regulated systems have an assessment in force
# description: >-
#   Every regulated system behind a source, also one that a join or a re-export hides, has a data protection impact
#   assessment that is signed, not expired, for this purpose.
# custom:
#   code: DPIA_MISSING
#   remedy: attach a signed assessment of each regulated system that covers this purpose and is still valid
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), "a regulated system needs a valid assessment for this purpose") if {
	not assessed
}

assessed if {
	input.source.system in input.source.systems
	is_array(data.tunables.sources.regulated_systems)
	every system in regulated {
		assessed_system(system)
	}
}

# A source that does not say that it is unregulated is regulated; and what the house knows to be regulated is, whatever
# a source says.
regulated contains input.source.system if not unregulated

regulated contains system if {
	some system in input.source.systems
	system in data.tunables.sources.regulated_systems
}

unregulated if input.source.regulated == false

assessed_system(system) if {
	some assessment in input.source.assessments
	assessment.system == system
	time.parse_rfc3339_ns(assessment.valid_until) > time.parse_rfc3339_ns(input.now)
	input.purpose in assessment.scope
}

# METADATA
# title: Retention is bounded
# description: Every source says for how many days its rows may be kept, within the house's limit.
# custom:
#   code: RETENTION_UNBOUNDED
#   remedy: state the retention of the source in days, within the limit
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	not retention_bounded
	msg := sprintf("retention of %v days is not within the limit", [lib.field(["source", "retention_days"])])
}

retention_bounded if {
	is_number(input.source.retention_days)
	input.source.retention_days > 0
	is_number(data.tunables.sources.max_retention_days)
	input.source.retention_days <= data.tunables.sources.max_retention_days
}

# METADATA
# title: Quality tier fits the purpose
# description: The tier of the source is one that this purpose takes.
# custom:
#   code: TIER_NOT_PERMITTED
#   remedy: have the source curated, or use it for another purpose
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	not tier_permitted
	msg := sprintf("tier %v is not taken for %v", [lib.field(["source", "tier"]), lib.field(["purpose"])])
}

tier_permitted if input.source.tier in data.tunables.sources.tiers[input.purpose]

# METADATA
# title: Synthetic lineage is shallow
# description: Rows written by models that were fed with rows written by models stop at the capped depth.
# custom:
#   code: SYNTHETIC_TOO_DEEP
#   remedy: use rows nearer to people
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	not shallow
	msg := sprintf("synthetic depth is %v", [lib.field(["source", "synthetic_depth"])])
}

shallow if {
	is_number(input.source.synthetic_depth)
	input.source.synthetic_depth >= 0
	is_number(data.tunables.sources.max_synthetic_depth)
	input.source.synthetic_depth <= data.tunables.sources.max_synthetic_depth
}
