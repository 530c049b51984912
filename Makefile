# Everything runs in a virtual environment of its own, which is made when it is needed.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test lint docs

demo: $(VENV)/meva-ready
	rm -f demo.db demo.db-wal demo.db-shm
	$(BIN)/meva backtest --data replay/sample --db demo.db

test: $(VENV)/dev-ready
	$(BIN)/pytest -n auto

lint: $(VENV)/dev-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m meva_cli.reference --check

docs: $(VENV)/dev-ready
	$(BIN)/python -m meva_cli.reference

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/meva-ready: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/dev-ready: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	touch $@
