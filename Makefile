# What a person does with this repository; `make` alone lists it. Needs Python ≥ 3.11, and nothing else.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

PORT ?= 8700
EMULATOR ?= ministack
WORKERS ?= 2
THREADS ?= 160
UPSTREAM ?=
TESTS ?= tests
JOBS ?= 2
ARGS ?=

export UV_PYTHON_DOWNLOADS := never

# Dozens of processes import the same modules: what one has compiled the others shall find.
unexport PYTHONDONTWRITEBYTECODE
PY := .venv/bin/python
UV := .venv/bin/uv
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

# The first interpreter that is new enough; the name of a version that is not installed does not count.
PYTHON ?= $(shell for name in python3 python3.13 python3.14 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)

# pytest says 5 when there was nothing to run, as in a part without stack tests.
# The rooms in which every branch is tested. A variable, since a comma would end an argument of `call`.
CORE := */tollgate/domain/*,*/tollgate/dialects/*,*/tollgate/store/wallet*.py
PYTEST = $(PY) -m pytest $(TESTS) --cov --cov-report= --durations=10

# Runs a step and says how long it took: $(call timed,name,command)
timed = @begun=$$(date +%s); $(2) && echo "── $(1): $$(( $$(date +%s) - begun )) s"

.PHONY: help setup run test check bench lock clean distclean logs reconcile

help: ## list what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

# --- environments -------------------------------------------------------------------------------

setup: .venv/.ready .venv-emulator/.ready ## create the environments; instant when they are current

.venv/bin/uv: requirements/uv.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and was not found"; exit 1; }
	$(PYTHON) -m venv .venv || { echo "this Python cannot make environments; install its venv package"; exit 1; }
	.venv/bin/python -m pip install --quiet --require-hashes --requirement requirements/uv.txt
	@touch $@

.venv/.ready: requirements/dev.txt pyproject.toml | .venv/bin/uv
	$(UV) pip sync --quiet --python $(PY) --require-hashes requirements/dev.txt
	$(UV) pip install --quiet --python $(PY) --no-deps --no-build-isolation --editable .
	@touch $@

.venv-emulator/.ready: requirements/emulator.txt | .venv/bin/uv
	test -x .venv-emulator/bin/python || $(UV) venv --quiet --python $(PY) .venv-emulator
	$(UV) pip sync --quiet --python .venv-emulator/bin/python --require-hashes --compile-bytecode requirements/emulator.txt
	@touch $@

# --- running ------------------------------------------------------------------------------------

run: setup ## start everything on this machine: PORT, EMULATOR=ministack|moto|<url>, WORKERS, THREADS, UPSTREAM
	@exec $(PY) -m local --port $(PORT) --emulator "$(EMULATOR)" --workers $(WORKERS) --threads $(THREADS) --upstream "$(UPSTREAM)"

logs: ## follow what the running stack logs
	@tail -n 20 -F .local/logs/*.log

reconcile: .venv/.ready ## compare wallets, ledger, usage and rollups of the running stack
	@exec $(PY) -m local.reconcile

# --- proving ------------------------------------------------------------------------------------

check: .venv/.ready ## the static gate: format, lint, types, imports
	$(call timed,format,$(PY) -m ruff format --check --quiet .)
	$(call timed,lint,$(PY) -m ruff check --quiet .)
	$(call timed,types,$(PY) -m mypy)
	$(call timed,imports,.venv/bin/lint-imports --no-cache > /dev/null || .venv/bin/lint-imports --no-cache)

test: setup setup-sam setup-litellm check ## the static gate and every test, with coverage; TESTS=tests/unit for a part
	@rm -f .coverage .coverage.*
	$(call timed,tests,{ $(PYTEST) --ignore=tests/simulation -m "not stack" -n $(JOBS) --dist worksteal || test $$? -eq 5; })
	$(if $(filter tests,$(TESTS)),$(call timed,simulation,$(PY) -m pytest tests/simulation -n $(JOBS) --durations=5))
	$(call timed,stack,{ $(PYTEST) -m stack -n $(JOBS) --dist loadfile --cov-append || test $$? -eq 5; })
	$(if $(filter tests,$(TESTS)),$(call timed,coverage,$(PY) -m coverage report --fail-under=92))
	$(if $(filter tests,$(TESTS)),$(call timed,core coverage,$(PY) -m coverage report --fail-under=100 --include="$(CORE)"))

bench: .venv/.ready ## measure CPU, latency and memory of the relay; ARGS="--quick"
	@exec $(PY) -m bench $(ARGS)

# --- upkeep -------------------------------------------------------------------------------------

lock: .venv/bin/uv ## write the hashed locks from the *.in lists
	cd layers/runtime && ../../$(COMPILE) requirements.in --output-file requirements.txt
	cd layers/api && ../../$(COMPILE) requirements.in --output-file requirements.txt
	cd requirements && ../$(COMPILE) --override overrides.txt litellm.in --output-file litellm.txt
	for list in uv dev emulator sam; do $(COMPILE) requirements/$$list.in --output-file requirements/$$list.txt; done

clean: ## forget all local state, builds and caches
	rm -rf .local .aws-sam build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache htmlcov .coverage .coverage.* coverage.xml

distclean: clean ## … and the environments
	rm -rf .venv .venv-emulator .venv-sam .venv-litellm

include $(wildcard make/*.mk)
