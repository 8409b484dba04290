# After `make deploy`: the key pepper and the first owner, once per stack.

STACK ?= tollgate-$(STAGE)
REGION ?=

.PHONY: bootstrap reference

bootstrap: .venv/.ready ## make a deployed stack usable and print its first owner's token: STACK=, REGION=
	@exec $(PY) -m scripts.bootstrap $(STACK) $(REGION)

reference: .venv/.ready ## write the generated pages of docs/reference again
	$(PY) -m tollgate.web.admin.openapi
	$(PY) -m tollgate.web.portal.openapi
	$(PY) -m scripts.errors_reference
	$(PY) -m scripts.dialects_reference
