# METADATA
# title: Erasure gate
# description: May this person order that rows and all that was made from them go. Asked before anything is touched.
package assay.erasure

import data.assay.lib

# METADATA
# entrypoint: true
# title: Decision of the erasure gate
# description: allow, violations, warnings. Nothing here can be overridden.
decision := lib.decision(deny, set(), set())

# METADATA
# title: Facts are complete
# description: Whose installation, whether it is known there, which case, on which ground, who orders it and in which role.
# custom:
#   code: ERASURE_FACTS_MISSING
#   remedy: order it with tenant, ground, role and the name of who orders it; a control worker of an older release does not say whether the tenant is known, replace it before the bundle
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), "the facts of this erasure are not complete") if not stated

stated if {
	lib.is_text(input.case)
	lib.is_text(input.tenant)
	lib.is_text(input.ground)
	lib.is_text(input.role)
	lib.is_text(input.requested_by)
	is_boolean(input.tenant_known)
}

# METADATA
# title: The tenant is known
# description: Something is on record of the tenant, such as a dataset, a row, a model, a hold or a case (a key alone is none); a mistyped name would end in a receipt over nothing.
# custom:
#   code: TENANT_UNKNOWN
#   remedy: check the tenant's spelling; `assay data list` and `assay models` name tenants
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), "nothing at all is known of this tenant") if input.tenant_known == false

# METADATA
# title: The role may order it
# description: Each ground has roles that may order removal on it.
# custom:
#   code: ERASURE_ROLE_MISSING
#   remedy: have somebody in one of the roles of this ground order it
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	not permitted
	msg := sprintf("this role may not order removal on this ground: %s may", [roles])
}

default roles := "nobody"

roles := concat(" or ", data.tunables.erasure.roles[input.ground])

permitted if input.role in data.tunables.erasure.roles[input.ground]

# METADATA
# title: It says what has to go
# description: A person by keyed hash, or rows of one dataset; never both, never neither.
# custom:
#   code: ERASURE_SELECTS_NOTHING
#   remedy: name the person's keyed hashes (`assay erase hash`), or for retention a dataset
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), "what has to go is not stated") if not selects

selects if {
	input.ground != "retention"
	person
	input.selects.dataset == null
}

selects if {
	input.ground == "retention"
	not person
	lib.is_digest(input.selects.dataset)
}

person if input.selects.subject == true

# Rego puts every text, list and object above every number.
person if {
	is_number(input.selects.mentions)
	input.selects.mentions > 0
}

# METADATA
# title: The dataset is the tenant's own
# description: Retention removes rows of a dataset of the tenant that orders it, never of another.
# custom:
#   code: ERASURE_DATASET_FOREIGN
#   remedy: order it as the tenant whose dataset it is
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), "the dataset is not one of this tenant") if not own_dataset

own_dataset if {
	input.ground != "retention"
	input.dataset_tenant == null
}

own_dataset if {
	input.ground == "retention"
	lib.is_text(input.dataset_tenant)
	input.dataset_tenant == input.tenant
}

# METADATA
# title: It ends in time
# description: The deadline is not later than the law and the house allow.
# custom:
#   code: ERASURE_DEADLINE_TOO_LATE
#   remedy: order it with an earlier deadline
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), "the deadline is later than it may be") if not in_time

in_time if {
	is_number(input.deadline_days)
	is_number(data.tunables.erasure.most_days)
	input.deadline_days > 0
	input.deadline_days <= data.tunables.erasure.most_days
}
