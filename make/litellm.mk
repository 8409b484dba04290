# The environment of the peer whose cost calculation the tests compare ours with.

.PHONY: setup-litellm

setup-litellm: .venv-litellm/.ready ## create LiteLLM's environment; instant when it is current

.venv-litellm/.ready: requirements/litellm.txt | .venv/bin/uv
	test -x .venv-litellm/bin/python || $(UV) venv --quiet --python .venv/bin/python .venv-litellm
	$(UV) pip sync --quiet --python .venv-litellm/bin/python --require-hashes requirements/litellm.txt
	@touch $@
