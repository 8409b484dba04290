# The SAM application: validate, build, deploy, and try single functions with `sam local`.

STAGE ?= dev
ENDPOINT ?= http://127.0.0.1:4566
SAM := SAM_CLI_TELEMETRY=0 .venv-sam/bin/sam

.PHONY: setup-sam validate build deploy sam-local

setup-sam: .venv-sam/.ready

.venv-sam/.ready: requirements/sam.txt | .venv/bin/uv
	[ -x .venv-sam/bin/python ] || .venv/bin/uv venv -q .venv-sam
	.venv/bin/uv pip sync -q --python .venv-sam/bin/python requirements/sam.txt
	touch $@

validate: setup-sam
	AWS_DEFAULT_REGION=us-east-1 $(SAM) validate --lint

# `sam build`, then bytecode; Python 3.13 is looked for on the PATH, in pyenv and in uv.
build: setup-sam
	.venv/bin/python -m scripts.build

# Asks nothing: samconfig.toml has a table for each stage.
deploy: build
	$(SAM) deploy --config-env $(STAGE)

# Writes .local/sam-env.json and lists what can be invoked; with EVENT=events/… invokes it (Docker).
sam-local: setup-sam
	.venv/bin/python -m scripts.sam_local $(ENDPOINT) $(EVENT)
