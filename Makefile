# Everything runs in a virtual environment of its own, which is made when it is needed.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test nightly lint docs bench lock

demo: $(VENV)/meva-ready
	rm -f demo.db demo.db-wal demo.db-shm
	$(BIN)/meva demo --db demo.db

test: $(VENV)/dev-ready
	$(BIN)/pytest -n auto

# Looks further than `make test`, at all of what that takes a choice of: for a night.
nightly: $(VENV)/dev-ready
	HYPOTHESIS_PROFILE=nightly $(BIN)/pytest -n auto

lint: $(VENV)/dev-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m meva_cli.reference --check

# Everything takes an hour; a quick look: make bench SIZES="--cycles 10000 --symbols 1,5"
bench: $(VENV)/dev-ready
	$(BIN)/python -m benchmarks $(SIZES)

docs: $(VENV)/dev-ready
	$(BIN)/python -m meva_cli.reference

# Chooses the versions in requirements/ anew. Users get those that were tested.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
	--custom-compile-command "make lock" pyproject.toml

lock: $(VENV)/dev-ready
	$(LOCK) --all-extras --output-file requirements/dev.lock
	$(LOCK) --extra alerts --extra emulator --extra postgres --extra stream --constraint requirements/dev.lock \
		--output-file requirements/meva.lock
	$(LOCK) --extra test --resolution lowest-direct --output-file requirements/lowest.lock

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/meva-ready: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/dev-ready: pyproject.toml requirements/dev.lock | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@
