# METADATA
# title: Review gate
# description: Is a version fit to be shown to reviewers. Evidence here, measurements in evaluation.rego.
package assay.review

import data.assay.lib

# METADATA
# entrypoint: true
# title: Decision of the review gate
# description: allow, violations, warnings; what a valid override names has moved to the warnings.
decision := lib.decision(deny, warn, overridden)

# METADATA
# title: Facts are complete
# description: Tenant, model, version, adapter, requester and purpose are stated.
# custom:
#   code: REVIEW_FACTS_MISSING
#   remedy: state tenant, model, version, adapter, requester and purpose
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), "tenant, model, version, adapter, requester or purpose is not stated") if {
	not stated
}

stated if {
	lib.is_text(input.tenant)
	lib.is_text(input.model)
	is_number(input.version)
	input.version >= 1
	lib.is_digest(input.adapter)
	lib.is_text(input.requested_by)
	lib.is_text(input.purpose)
}

# METADATA
# title: No root cause is open
# description: After a rollback nothing of this model is promoted until somebody recorded why it happened.
# custom:
#   code: ROOT_CAUSE_OPEN
#   remedy: record the root cause on the rollout that was rolled back (update record_root_cause)
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	not input.incidents == []
	msg := sprintf("%v rollback of this model waits for its root cause", [open_incidents])
}

default open_incidents := "a"

open_incidents := count(input.incidents) if is_array(input.incidents)

# METADATA
# title: Model card is complete
# description: The card and its diff against production are stored, and no section is missing.
# custom:
#   code: CARD_INCOMPLETE
#   remedy: write the missing sections of the model card
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	not card_complete
	msg := sprintf("the model card misses %v", [lib.field(["card", "missing"])])
}

card_complete if {
	lib.is_digest(input.card.digest)
	lib.is_digest(input.card.diff)
	input.card.missing == []
}

# METADATA
# title: Run is on record
# description: The version names the tenant's run that made it, and this adapter is among what the run exported.
# custom:
#   code: RUN_UNKNOWN
#   remedy: promote a version whose training run is in the registry
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), "no training run on record made this adapter") if not run_known

run_known if {
	lib.is_text(input.run.id)
	lib.is_digest(input.run.config_hash)
	input.run.tenant == input.tenant
	input.adapter in input.run.adapters
}

# METADATA
# title: Adapter and base are a pair
# description: The base in the request is the one that the run was trained on.
# custom:
#   code: BASE_MISMATCH
#   remedy: promote against the base model that the run names
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), "the run was trained on another base model") if not paired

paired if {
	lib.is_digest(input.base.digest)
	input.run.base_digest == input.base.digest
}

# METADATA
# title: Licence of the base permits serving
# description: The licence of the base model is listed for this purpose.
# custom:
#   code: BASE_LICENCE_FORBIDS
#   remedy: train on a base model under a listed licence
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	not base_licence_permits
	msg := sprintf("base licence %v does not permit %v", [lib.field(["base", "licence"]), lib.field(["purpose"])])
}

base_licence_permits if lib.licence_permitted(input.base.licence, input.purpose, "bases")

# METADATA
# title: One chat template everywhere
# description: Training, evaluation and the serving engine used byte-identical templates.
# custom:
#   code: TEMPLATE_MISMATCH
#   remedy: train and evaluate again with the template that the engine serves
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	not one_template
	msg := sprintf("trained with %v, evaluated with %v, served with %v", [
		lib.field(["template", "trained"]),
		lib.field(["template", "evaluated"]),
		lib.field(["template", "served"]),
	])
}

one_template if {
	lib.is_digest(input.template.trained)
	input.template.trained == input.template.evaluated
	input.template.trained == input.template.served
}

# METADATA
# title: Version is signed
# description: The signature verifies, and it is over exactly this adapter.
# custom:
#   code: SIGNATURE_MISSING
#   remedy: sign the version again from its stored files; a mismatch means that they changed
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), "no valid signature over exactly this adapter") if not signed

signed if {
	input.signature.verified == true
	lib.is_digest(input.signature.digest)
	input.signature.digest == input.adapter
}

# METADATA
# title: Required statements stand
# description: Provenance and evaluation are attested, verified, over exactly this adapter.
# custom:
#   code: STATEMENT_MISSING
#   remedy: attest the version again
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	some predicate_type in required_statements
	not attested(predicate_type)
	msg := sprintf("no verified statement of type %v", [predicate_type])
}

# Without the list of required types nothing could be missing, so its absence is missing.
default required_statements := ["any (the list of required statements is absent)"]

required_statements := data.tunables.evidence.statements if count(data.tunables.evidence.statements) > 0

attested(predicate_type) if {
	some statement in input.statements
	statement.predicate_type == predicate_type
	statement.verified == true
	lib.is_digest(statement.subject)
	statement.subject == input.adapter
}
