# `make demo` and `make test` are all a new user types; each prepares what it needs.
.DEFAULT_GOAL := help
SHELL := /bin/bash
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/.tools/bin:$(PATH)
CODE := assay workflows activities registry serving evals workers stack examples benchmarks

.PHONY: help setup demo demo-quick up down status check test bench bench-pii chaos lock clean

help: ## list what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: ## prepare the environment: uv, Python packages, opa (idempotent)
	@scripts/setup

demo: setup ## the life of a model, once around, on real parts (20 to 25 minutes on two cores, set-up not counted)
	@assay demo

demo-quick: setup ## the same story in fewer steps; its figures are not to be quoted
	@assay demo --quick

up: setup ## start the local stack
	@assay up

down: setup ## stop the local stack
	@if [ -d "$${ASSAY_HOME:-var}" ]; then assay down; fi

status: setup ## show the local stack
	@assay status

check: setup ## ruff, mypy --strict, opa fmt/check/coverage, import direction and size
	@scripts/check $(CODE)

test: ## every test, on real Temporal, OPA, SGLang, databases and stores (ARGS="tests/unit -k routes" for some)
	@scripts/setup tests
	@scripts/test $(ARGS)

bench: setup ## measure speed side by side and write docs/performance.md (ONLY=gateway for one)
	@python -m benchmarks $(if $(ONLY),--only $(ONLY))

bench-pii: setup ## personal data, Assay beside Presidio by kind, and write docs/performance.md (about 5 minutes)
	@python -m benchmarks.pii --out benchmarks/results/pii.json
	@python -c "from benchmarks import page; page.write()"

N ?= 200
SEED ?= 1
chaos: setup ## kill everything N times in the middle of lifecycles (N=200 SEED=1), an hour and a half; summary in var/chaos
	@PYTHONPATH=. HF_HUB_OFFLINE=1 OMP_WAIT_POLICY=PASSIVE python -m tests.chaos --kills $(N) --seed $(SEED)

lock: setup ## pin the newest versions that fit pyproject.toml
	@scripts/lock

clean: setup ## remove the local stack's state (keeps the environment)
	@if [ -d var ]; then ASSAY_HOME=var assay down; fi
	rm -rf var
