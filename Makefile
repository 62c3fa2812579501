# make demo and make test do their own set-up. Needed: Python 3.11 to 3.13, make, git.

VENV := .venv
BIN := $(VENV)/bin
# The newest Python that fhirhub supports; another one: make PYTHON=/path/to/python3.12
PYTHON ?= $(shell for each in python3.13 python3.12 python3.11 python3; do \
	$$each -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo $$each && break; done)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Processes that share the tests; each has a MongoDB of its own.
JOBS ?= 2
CODE := fhirhub tests bench $(patsubst %/__init__.py,%,$(wildcard plugins/*/__init__.py)) $(wildcard conformance)
COMPILE := $(BIN)/python -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

.PHONY: help install demo test lint bench bench-search bench-tagging crash docs lock clean

help:
	@echo "make demo     the server on http://127.0.0.1:8080/fhir with demo data (options: make demo ARGS='--port 8081')"
	@echo "make test     every check and every test"
	@echo "make install  the environment alone, in $(VENV)"
	@echo "make lint     ruff, mypy and the layers"
	@echo "make docs     the tests that hold the documentation to the code"
	@echo "make bench    the measurements of docs/performance.md"
	@echo "make bench-search   searches over 10,000 to 1,000,000 Observations (ARGS='--sizes 10000')"
	@echo "make bench-tagging  Observations through tagging, and what hooks cost a create"
	@echo "make crash    kill processes under load, CRASH_ROUNDS times (200)"
	@echo "make lock     renew the lock files in requirements/"
	@echo "make clean    remove $(VENV) and caches; data stays"

install: $(VENV)/.runtime

demo: install
	$(BIN)/fhirhub demo $(ARGS)

test: lint
	$(BIN)/pytest -n $(JOBS) --dist loadfile $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports

bench: $(VENV)/.dev
	$(BIN)/python -m bench $(ARGS)

bench-search: $(VENV)/.dev
	$(BIN)/python -m bench.search $(ARGS)

bench-tagging: $(VENV)/.dev
	$(BIN)/python -m bench.tagging $(ARGS)

crash: export FHIRHUB_CRASH_ROUNDS = $(or $(CRASH_ROUNDS),200)
crash: $(VENV)/.dev
	$(BIN)/pytest tests/crash --timeout 0 $(ARGS)

docs: $(VENV)/.dev
	$(BIN)/pytest -m docs $(ARGS)

lock: $(VENV)/.dev
	$(PIP) install "uv>=0.6"
	$(COMPILE) --upgrade pyproject.toml requirements/build.in --extra embedded -o requirements/runtime.txt
	$(COMPILE) --upgrade pyproject.toml requirements/build.in --extra embedded --extra models --extra dev \
		--constraint requirements/runtime.txt -o requirements/dev.txt

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: older than what they stand for means install again. The stamp of dev also stands for runtime, a part of it.
$(VENV)/.runtime: requirements/runtime.txt pyproject.toml fhirhub/system-packages.txt | $(BIN)/python
	@scripts/system-packages
	@echo "Installing the locked dependencies" >&2
	@$(PIP) install --require-hashes --only-binary :all: -r requirements/runtime.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	@echo "Installing the locked tools for development" >&2
	@$(PIP) install --require-hashes --only-binary :all: -r requirements/dev.txt
	@touch $@

$(BIN)/python:
	@scripts/make-venv "$(PYTHON)" $(VENV)
