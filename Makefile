# Bare `make` lists the targets. Each makes .venv by itself, from locked versions, and is quick the second time.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
MUTATION ?= $(VENV)/mutation
PYTHONS ?= python3.11 python3.12 python3.13
TARGET ?=
BASE_URL ?=
ARGS ?=

.PHONY: help conformance test test-fast test-all-pythons check cover prove derived mutate peer bench docs wheel release-check lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "closecheck needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.lock pyproject.toml | $(BIN)/python
	@echo "installing the locked versions into $(VENV)"
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run
	@echo "installing the locked development versions into $(VENV)"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

conformance: $(VENV)/.run ## judge a target: TARGET=file.yaml, or BASE_URL=…; without either the embedded reference
	@$(BIN)/closecheck run $(if $(TARGET),--target=$(TARGET)) $(if $(BASE_URL),--base-url=$(BASE_URL)) $(ARGS)

test: $(VENV)/.dev ## the suite's own tests
	@$(BIN)/python -m pytest selftest $(ARGS)

test-fast: $(VENV)/.dev ## the quick part of them: no whole runs, no browser, no servers of others
	@$(BIN)/python -m pytest selftest -m "not slow" $(ARGS)

# Each Python has an environment of its own from the same locked versions. One that is not installed is named, and is no failure.
# pyenv shows all of its versions only to those who name them.
test-all-pythons: ## the quick part under each Python that is installed: PYTHONS="python3.12 ..."
	@tried=; absent=; failed=; all="$$(pyenv versions --bare 2>/dev/null | paste -sd: -)"; \
	for python in $(PYTHONS); do \
	  found="$$(PYENV_VERSION="$$all" $$python -c 'import sys; print(sys.executable)' 2>/dev/null)" || { absent="$$absent $$python"; continue; }; \
	  echo "== $$python"; tried="$$tried $$python"; \
	  $(MAKE) --no-print-directory PYTHON="$$found" VENV=$(VENV)/$$python test-fast || failed="$$failed $$python"; \
	done; \
	echo "tried:$${tried:- none}; not installed:$${absent:- none}; failed:$${failed:- none}"; \
	test -n "$$tried" -a -z "$$failed"

check: $(VENV)/.dev ## lint, format, types by two checkers, the OpenAPI document
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/basedpyright
	@$(BIN)/openapi-spec-validator spec/openapi.yaml

JUDGING_TESTS = $(addprefix selftest/test_,blame.py checks.py fast_path.py)
cover: $(VENV)/.dev ## branch coverage of the judging code by its own unit tests; every branch, or a reason in pyproject.toml
	@$(BIN)/python -m coverage run -m pytest $(JUDGING_TESTS) --quiet $(ARGS)
	@$(BIN)/python -m coverage report

prove: $(VENV)/.dev ## the kill matrix: every fault and every variant against the suite
	@$(BIN)/closecheck prove --profile standard --seeds 10 --jobs 5 --write docs/proof.md $(ARGS)

derived: $(VENV)/.dev ## write the cases that code makes into spec/cases/derived
	@$(BIN)/python -m selftest.case_files

$(MUTATION)/.tools: selftest/mutation/requirements.lock | $(BIN)/python
	@echo "installing Cosmic Ray into $(MUTATION)"
	@$(BIN)/python -m venv $(MUTATION)
	@$(MUTATION)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r selftest/mutation/requirements.lock
	@touch $@

mutate: $(VENV)/.dev $(MUTATION)/.tools ## mutate the judging code, a sample, 20 minutes: writes docs/mutation.json; ARGS=--survivors tries only these again
	@$(BIN)/python -m selftest.mutation --tools $(MUTATION)/bin $(ARGS)

peer: $(VENV)/.dev ## Schemathesis against the targets of the kill matrix, for the same page: writes docs/peer.json; ARGS="--sample N" for some
	@$(BIN)/python -m selftest.bench.peer $(ARGS)

bench: $(VENV)/.dev ## time, memory and requests to a finding, beside Schemathesis: writes docs/performance.md; ARGS=--quick only tries it out
	@$(BIN)/python -m selftest.bench $(ARGS)

docs: $(VENV)/.dev ## the pictures of a report in docs/, taken with Chromium
	@$(BIN)/python selftest/browser/pictures.py

wheel: $(VENV)/.dev ## build the wheel
	@$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

release-check: wheel ## what has to be true of a release: docs/releasing.md
	@$(BIN)/python -m selftest.release

COMPILE = $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --upgrade --no-header \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links
lock: $(VENV)/.dev ## write the locked versions anew
	@$(COMPILE) --extra editable --output-file requirements.lock pyproject.toml
	@$(COMPILE) --extra editable --extra dev --output-file requirements-dev.lock pyproject.toml
	@$(COMPILE) --output-file selftest/mutation/requirements.lock selftest/mutation/requirements.in

clean: ## remove what can be made again
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .hypothesis .coverage
