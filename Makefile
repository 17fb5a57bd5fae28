# Two commands on a fresh machine: `make demo`, `make test`.  Everything lives in .venv; nothing else is touched.

VENV ?= .venv
PYTHON ?=
PYTEST_ARGS ?=
BENCH_ARGS ?= --scenario 'tcp-connections*' --rounds 3 --plot

BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check --no-input
MARK = $(VENV)/.installed

.PHONY: help demo test test-quick interop oldest coverage lint format types bench bench-all bench-check docs reference dist clean

help:
	@echo 'make demo       see the library do its job, against servers it starts itself'
	@echo 'make test       the whole test suite            PYTEST_ARGS="-k tcp --loop uvloop"'
	@echo 'make test-quick the same without the slow tests, on the stock event loop'
	@echo 'make interop    against real servers on this machine'
	@echo 'make oldest     the suite with the oldest engines allowed, in .venv-oldest'
	@echo 'make coverage   the suite under the coverage gate'
	@echo 'make lint types style, and mypy --strict'
	@echo 'make bench      concurrent connections beside peers, with a plot   BENCH_ARGS="--scenario NAME"'
	@echo 'make bench-all  every scenario on both loops, half an hour; bench-check: which goals fall short'
	@echo 'make docs       the documentation as HTML in build/docs'
	@echo 'make reference  docs/reference/ from the docstrings'
	@echo 'make clean      remove what these made'

# The first Python that is new enough and can make a virtual environment; PYTHON=... to choose.
$(BIN)/python:
	@set -e; found=; \
	for python in $(if $(PYTHON),$(PYTHON),python3 python3.13 python3.12 python3.11 python3.14 python); do \
	  if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	    found="$$python"; break; \
	  fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo 'asyncnet needs Python 3.11 or newer with the venv module (Debian: apt install python3-venv)' >&2; exit 1; \
	fi; \
	echo "making $(VENV) with $$("$$found" -V)"; \
	"$$found" -m venv $(VENV)

# One mark an extra: installed once, and again when pyproject.toml changes.
$(MARK)-%: pyproject.toml $(BIN)/python
	@echo "installing .[$*]"
	@$(PIP) install --quiet --editable '.[$*]'
	@touch $@

demo: $(MARK)-demo
	$(BIN)/python -m asyncnet demo

test: $(MARK)-test
	$(BIN)/python -m pytest $(PYTEST_ARGS)

test-quick: $(MARK)-test
	$(BIN)/python -m pytest -m 'not slow' --loop asyncio -q $(PYTEST_ARGS)

interop: $(MARK)-test
	$(BIN)/python -m pytest tests/interop $(PYTEST_ARGS)

oldest:
	$(MAKE) VENV=.venv-oldest .venv-oldest/.installed-test
	.venv-oldest/bin/python -m pip --disable-pip-version-check --no-input install --quiet -r .ci/oldest.txt
	.venv-oldest/bin/python -m pytest $(PYTEST_ARGS)

coverage: $(MARK)-test
	$(BIN)/python tools/coverage_gate.py $(COVERAGE)

lint: $(MARK)-lint
	$(BIN)/ruff check .

format: $(MARK)-lint
	$(BIN)/ruff check --fix .

types: $(MARK)-lint $(MARK)-test
	$(BIN)/mypy

bench: $(MARK)-bench
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

bench-all: $(MARK)-bench
	$(BIN)/python -m benchmarks --loop both --limits --plot --json build/benchmarks/run.json

bench-check: $(MARK)-bench
	$(BIN)/python -m benchmarks --loop both --check

reference: $(MARK)-test
	$(BIN)/python tools/reference.py

docs: $(MARK)-docs reference
	$(BIN)/mkdocs build --strict

dist: $(BIN)/python
	$(PIP) wheel --quiet --no-deps --wheel-dir dist .

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .coverage .coverage.* htmlcov .venv .venv-*
	find src tests tools -name __pycache__ -prune -exec rm -rf {} +
