# The SAM application: validate, build, deploy, and try single functions with `sam local`.

STAGE ?= dev
ENDPOINT ?= http://127.0.0.1:4566
EVENT ?=

SAM := SAM_CLI_TELEMETRY=0 .venv-sam/bin/sam

.PHONY: setup-sam validate build deploy sam-local

setup-sam: .venv-sam/.ready ## create SAM's environment; instant when it is current

.venv-sam/.ready: requirements/sam.txt | .venv/bin/uv
	test -x .venv-sam/bin/python || $(UV) venv --quiet --python .venv/bin/python .venv-sam
	$(UV) pip sync --quiet --python .venv-sam/bin/python --require-hashes --compile-bytecode requirements/sam.txt
	@touch $@

validate: setup-sam ## check and lint the template
	AWS_DEFAULT_REGION=us-east-1 $(SAM) validate --lint

build: .venv/.ready setup-sam ## build for Lambda; finds Python 3.13 on the PATH, in pyenv or in uv
	$(PY) -m scripts.build

deploy: build ## deploy to AWS by samconfig.toml: STAGE=dev|staging|prod
	$(SAM) deploy --config-env $(STAGE)

sam-local: .venv/.ready setup-sam ## prepare `sam local` (Docker); EVENT=events/… runs one, ENDPOINT names the stores
	@$(PY) -m scripts.sam_local $(ENDPOINT) $(EVENT)
