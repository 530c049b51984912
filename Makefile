# Everything runs in a virtual environment of its own, which is made when it is needed.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test lint docs bench lock

# What the demo trades with: 100 000 TRY, the best three of five symbols, limits that cross a narrow spread.
DEMO := DRY_RUN_TRY_BALANCE=100000 STAGE7_UNIVERSE_SIZE=3 STAGE7_ORDER_OFFSET_BPS=-4 \
	MAX_ORDERS_PER_CYCLE=4 MIN_ORDER_NOTIONAL_TRY=100 NOTIONAL_CAP_TRY_PER_CYCLE=25000 \
	MAX_POSITION_NOTIONAL_TRY=40000 STAGE7_MAX_DAILY_LOSS_TRY=3000 STAGE7_MAX_DATA_AGE_SEC=120 TTL_SECONDS=300

demo: $(VENV)/meva-ready
	rm -f demo.db demo.db-wal demo.db-shm
	$(DEMO) $(BIN)/meva backtest --data replay/sample --db demo.db
	$(BIN)/meva why --db demo.db --last 720

test: $(VENV)/dev-ready
	$(BIN)/pytest -n auto

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
	$(LOCK) --extra emulator --extra postgres --extra stream --constraint requirements/dev.lock \
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
