# What a person types here. `make` lists it.
#   make serve ARGS="--port 9000"     ARGS goes to the command
#   make test PG=17                   the suite on PostgreSQL 17 (18 is the default)
#   make test ARGS="-k workspace"     ARGS goes to pytest
#   make setup PYTHON=python3.12      another interpreter for .venv

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.PHONY: help setup serve test test-17 check format bench chaos docs lock clean

PYTHON ?= python3
PG ?= 18
ARGS ?=
WORKERS ?= 2
PY := .venv/bin/python
INPUTS := pyproject.toml requirements/bootstrap.txt requirements/setup.sh
UV_COMPILE = $(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header $(UPGRADE)

help:
	@echo 'make serve     start weAlist (with its own PostgreSQL unless DATABASE_URL is set)'
	@echo 'make test      check, then the whole suite; PG=17 takes PostgreSQL 17'
	@echo 'make test-17   the tests that use a database, on PostgreSQL 17'
	@echo 'make check     ruff, ruff format, mypy'
	@echo 'make format    let ruff rewrite what it can'
	@echo 'make bench     every benchmark, one table each'
	@echo 'make chaos     everything fails while people work; a million deliveries (3 min)'
	@echo 'make docs      write what documentation takes from the code'
	@echo 'make setup     .venv from the lock files (the others do it by themselves)'
	@echo 'make lock      new lock files after a change of pyproject.toml; UPGRADE=-U takes newer versions'
	@echo 'make clean     remove .venv and caches; the data in .wealist stays'

setup: .venv/ready-dev

.venv/ready-runtime: $(INPUTS) requirements/runtime.lock
	@PYTHON="$(PYTHON)" requirements/setup.sh runtime

.venv/ready-dev: $(INPUTS) requirements/dev.lock
	@PYTHON="$(PYTHON)" requirements/setup.sh dev

serve: .venv/ready-runtime
	@exec $(PY) -m wealist serve $(ARGS)

check: .venv/ready-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

format: .venv/ready-dev
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

test: check
	TEST_PG=$(PG) $(PY) -m pytest -n $(WORKERS) $(ARGS)

test-17: .venv/ready-dev
	TEST_PG=17 $(PY) -m pytest -n $(WORKERS) -m database $(ARGS)

bench: .venv/ready-dev
	@$(PY) -m benchmarks $(ARGS)

chaos: .venv/ready-dev
	@$(PY) -m tests.chaos $(ARGS)

docs: .venv/ready-dev
	@$(PY) -m tools.generate_docs

lock: .venv/ready-runtime
	$(UV_COMPILE) requirements/bootstrap.in -o requirements/bootstrap.txt
	$(UV_COMPILE) pyproject.toml requirements/build.in --extra embedded -o requirements/runtime.lock
	$(UV_COMPILE) pyproject.toml requirements/build.in --extra embedded --extra dev \
		-c requirements/runtime.lock -o requirements/dev.lock

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
