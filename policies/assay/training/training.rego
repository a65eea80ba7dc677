# METADATA
# title: Training gate
# description: May this base be trained with these datasets at this cost, before a device is taken.
package assay.training

import data.assay.lib

# METADATA
# entrypoint: true
# title: Decision of the training gate
# description: >-
#   Besides allow, violations and warnings, `licences`: for each dataset and expression the way that is chosen and what
#   it asks for; and `base`: the same of the base.
decision := object.union(lib.decision(deny, warn, set()), {"licences": verdicts, "base": base})

base := {"chosen": base_way, "obligations": lib.obligations(base_way)}

verdicts := [object.union(verdict, {"dataset": named(dataset)}) |
	some dataset in input.datasets
	some term in dataset.licences
	verdict := lib.licence_verdict(term, lib.field(["purpose"]), base_way)
]

default base_way := []

base_way := lib.base_way(input.base.licences, input.purpose)

# METADATA
# title: Facts are complete
# description: Tenant, model, purpose, requester and the chat template's digest are stated.
# custom:
#   code: TRAINING_FACTS_MISSING
#   remedy: state tenant, model, purpose, requester and template
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), "tenant, model, purpose, requester or template is not stated") if {
	not stated
}

stated if {
	lib.is_text(input.tenant)
	lib.is_text(input.model)
	lib.is_text(input.purpose)
	lib.is_text(input.requested_by)
	lib.is_digest(input.template)
}

# METADATA
# title: Base model is pinned
# description: The base model is named by repository, revision and root digest.
# custom:
#   code: BASE_NOT_PINNED
#   remedy: register the base model, and name its revision and digest
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), "the base model is not pinned to a digest") if not base_pinned

base_pinned if {
	lib.is_text(input.base.repository)
	lib.is_text(input.base.revision)
	lib.is_digest(input.base.digest)
}

# METADATA
# title: Licence of the base permits the use
# description: One way to comply with the licence of the base model is listed for this purpose.
# custom:
#   code: BASE_LICENCE_NOT_PERMITTED
#   remedy: choose a base model under a listed licence
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	not base_licence_permits
	msg := sprintf("base licence %v does not permit %v", [lib.field(["base", "licence"]), lib.field(["purpose"])])
}

base_licence_permits if {
	lib.is_text(input.base.licence)
	lib.licences_permitted(input.base.licences, input.purpose, "bases")
}

# METADATA
# title: There is data
# description: A run names at least one dataset.
# custom:
#   code: DATASETS_MISSING
#   remedy: name at least one sealed dataset
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), "no dataset is named") if not datasets_named

datasets_named if {
	is_array(input.datasets)
	count(input.datasets) > 0
	every dataset in input.datasets {
		lib.is_digest(dataset.id)
	}
}

# METADATA
# title: Datasets are accepted and sealed
# description: Intake accepted rows of each dataset, and its manifest is sealed.
# custom:
#   code: DATASET_NOT_ACCEPTED
#   remedy: take the dataset through intake first
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	some dataset in input.datasets
	not accepted(dataset)
	msg := sprintf("dataset %v has not passed intake", [named(dataset)])
}

accepted(dataset) if {
	dataset.accepted == true
	dataset.sealed == true
}

# METADATA
# title: Datasets are not quarantined
# description: Nothing is trained on a dataset from which rows were erased, or that is under question.
# custom:
#   code: DATASET_QUARANTINED
#   remedy: seal a new dataset without the rows in question
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	some dataset in input.datasets
	not dataset.quarantined == false
	msg := sprintf("dataset %v is quarantined", [named(dataset)])
}

# METADATA
# title: Datasets belong to the tenant
# description: A tenant's model is trained on that tenant's datasets only.
# custom:
#   code: DATASET_OF_ANOTHER_TENANT
#   remedy: use datasets of this tenant
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	some dataset in input.datasets
	not dataset.tenant == input.tenant
	msg := sprintf("dataset %v belongs to another tenant", [named(dataset)])
}

# METADATA
# title: Datasets were accepted for this purpose
# description: The purpose that intake decided on is the purpose of this run.
# custom:
#   code: DATASET_PURPOSE_DIFFERS
#   remedy: take the sources through intake for this purpose
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	some dataset in input.datasets
	not dataset.purpose == input.purpose
	msg := sprintf("dataset %v was accepted for %v", [named(dataset), object.get(dataset, "purpose", null)])
}

# METADATA
# title: Licences of the datasets permit the purpose
# description: >-
#   The matrix may have changed since intake, so each licence is asked again, now beside that of the base; rows under one
#   that has no permitted way are counted.
# custom:
#   code: DATASET_LICENCE_NOT_PERMITTED
#   remedy: seal a dataset without the rows under these licences
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	some verdict in verdicts
	verdict.outcome == "refused"
	msg := sprintf("dataset %v has %v rows under %v", [verdict.dataset, verdict.rows, verdict.expression])
}

# METADATA
# title: Licences of the datasets are counted
# description: For every dataset it is stated how many of its rows are under which licence, and how to comply with it.
# custom:
#   code: DATASET_LICENCES_MISSING
#   remedy: seal the dataset again; this version writes them into its manifest
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	some dataset in input.datasets
	not licences_counted(dataset)
	msg := sprintf("dataset %v does not say how many rows are under which licence", [named(dataset)])
}

licences_counted(dataset) if {
	is_array(dataset.licences)
	count(dataset.licences) > 0
	every term in dataset.licences {
		lib.term_stated(term)
	}
}

# METADATA
# title: Licences stand beside each other
# description: No two licences under which rows are used ask for what one set of weights cannot keep together.
# custom:
#   code: DATASET_LICENCES_CONFLICT
#   remedy: train a model on each
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	some pair in lib.conflicts_among(verdicts)
	msg := sprintf("rows under %s cannot be in one model", [pair])
}

# METADATA
# title: Licences that ask for notice
# description: Whoever passes the weights on names these works, their makers and their licences.
# custom:
#   code: TRAINING_NOTICE_ASKED
#   remedy: pass NOTICE on with the weights; `assay evidence` exports it
#   overridable: false
warn contains lib.violation(rego.metadata.rule(), msg) if {
	some verdict in verdicts
	verdict.outcome == "allowed with notice"
	msg := sprintf("dataset %v has %v rows under %v", [verdict.dataset, verdict.rows, verdict.expression])
}

# METADATA
# title: Enough is written by people
# description: The synthetic share of each dataset stays under its cap.
# custom:
#   code: SYNTHETIC_SHARE_EXCEEDED
#   remedy: add rows written by people
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	some dataset in input.datasets
	not human_enough(dataset)
	msg := sprintf("dataset %v is synthetic by a share of %v", [named(dataset), object.get(dataset, "synthetic_share", null)])
}

human_enough(dataset) if {
	lib.is_share(dataset.synthetic_share)
	lib.is_share(data.tunables.training.max_synthetic_share)
	dataset.synthetic_share <= data.tunables.training.max_synthetic_share
}

# METADATA
# title: What is drawn is planned
# description: For every kind of the recipe there are rows, and it is known who wrote what is drawn.
# custom:
#   code: MIX_NOT_PLANNED
#   remedy: "name datasets that have rows of every kind of the recipe; see `assay data plan`"
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	not mix_planned
	msg := sprintf("the mix cannot be planned; kinds without rows: %v", [lib.field(["mix", "missing_kinds"])])
}

mix_planned if {
	is_number(input.mix.steps)
	is_number(input.mix.drawn)
	input.mix.drawn > 0
	input.mix.missing_kinds == []
	every name in ["human", "gold", "synthetic"] {
		total_stated(input.mix[name])
	}
}

total_stated(total) if {
	is_number(total.rows)
	is_number(total.drawn)
	lib.is_share(total.share)
}

# METADATA
# title: People's rows have their share
# description: Of the rows that a run draws, a floor is written by people.
# custom:
#   code: MIX_HUMAN_FLOOR
#   remedy: draw fewer synthetic rows a batch, or add rows written by people
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	not floor_kept("human", "min_human_share")
	msg := drawn_of("human", "written by people", "min_human_share")
}

# METADATA
# title: Verified rows have their share
# description: Of the rows that a run draws, a floor is written by people and verified.
# custom:
#   code: MIX_GOLD_FLOOR
#   remedy: have rows of people verified (tier human-gold), or raise their weight in recipe.tiers
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	not floor_kept("gold", "min_gold_share")
	msg := drawn_of("gold", "human gold", "min_gold_share")
}

floor_kept(name, bound) if {
	floor := data.tunables.mixes[bound]
	lib.is_share(floor)
	input.mix[name].share >= floor
}

drawn_of(name, words, bound) := sprintf("%v of %v rows drawn are %s (%v rows there); the floor is a share of %v", [
	lib.field(["mix", name, "drawn"]),
	lib.field(["mix", "drawn"]),
	words,
	lib.field(["mix", name, "rows"]),
	object.get(data.tunables, ["mixes", bound], null),
])

# METADATA
# title: Synthetic lineage of the mix is shallow
# description: No row is drawn that is further from people than the cap.
# custom:
#   code: MIX_TOO_DEEP
#   remedy: leave out rows that a model wrote which was fed with rows of a model
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	not shallow
	msg := sprintf("synthetic rows of depth %v are drawn (%v rows, %v drawn)", [
		lib.field(["mix", "deepest"]),
		lib.field(["mix", "synthetic", "rows"]),
		lib.field(["mix", "synthetic", "drawn"]),
	])
}

shallow if {
	is_number(input.mix.deepest)
	input.mix.deepest >= 0
	is_number(data.tunables.mixes.max_synthetic_depth)
	input.mix.deepest <= data.tunables.mixes.max_synthetic_depth
}

# METADATA
# title: Run stays within the budget
# description: The device minutes that a run may cost are within the tenant's allowance.
# custom:
#   code: BUDGET_EXCEEDED
#   remedy: lower budget.max_device_minutes, or have the tenant's allowance raised
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	not affordable
	msg := sprintf("%v device minutes are asked for, more than the allowance", [lib.field(["budget", "max_device_minutes"])])
}

affordable if {
	allowance := object.get(data.tunables.training.budget.tenants, input.tenant, data.tunables.training.budget["default"])
	is_number(allowance)
	is_number(input.budget.max_device_minutes)
	input.budget.max_device_minutes > 0
	input.budget.max_device_minutes <= allowance
}

# METADATA
# title: Rank is capped
# description: A higher rank forgets more and serves slower.
# custom:
#   code: RANK_EXCEEDED
#   remedy: lower recipe.lora.rank
#   overridable: false
deny contains lib.violation(rego.metadata.rule(), msg) if {
	not rank_within
	msg := sprintf("rank %v is over the cap", [lib.field(["recipe", "lora", "rank"])])
}

rank_within if {
	is_number(input.recipe.lora.rank)
	input.recipe.lora.rank >= 1
	is_number(data.tunables.training.max_rank)
	input.recipe.lora.rank <= data.tunables.training.max_rank
}

named(dataset) := object.get(dataset, "id", null)
