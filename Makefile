# Two commands to know: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A changed pin makes a new stamp, and so a new install; the same pins install nothing and need no network.
PINS := $(shell cat pyproject.toml constraints.txt Makefile 2>/dev/null | cksum | cut -d' ' -f1)
RUN_STAMP := $(VENV)/run-$(PINS)
TEST_STAMP := $(VENV)/test-$(PINS)
PEERS_STAMP := $(VENV)/peers-$(PINS)
PROTO := piewise/v1/allocation.proto

.PHONY: demo test serve check lint types stubs buf generate bench bench-full bench-rules bench-columns bench-day agree mutate \
  day day-columns day-lives years clean

demo: $(RUN_STAMP)  ## every stated result of the seeds, and a realistic account, through a server
	@$(BIN)/piewise demo

serve: $(RUN_STAMP)  ## listen on 127.0.0.1:50051
	@$(BIN)/piewise serve

test: $(TEST_STAMP)  ## the whole suite
	@$(BIN)/python -m pytest -n 2 -q

check: lint types stubs buf test  ## all that CI runs

lint: $(TEST_STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(TEST_STAMP)
	@$(BIN)/mypy

stubs: $(TEST_STAMP)  ## the committed stubs are what protoc writes today
	@$(BIN)/python -m tests.server.stubs

buf: $(TEST_STAMP)  ## the contract: lint, and no breaking change against the last landing
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh protos/check.sh

generate: $(TEST_STAMP)  ## write the stubs anew
	@$(BIN)/python -m grpc_tools.protoc -I server/generated=protos --python_out=. --pyi_out=. --grpc_python_out=. \
	  server/generated/$(PROTO)

bench: $(TEST_STAMP)  ## medians and p99 beside their targets
	@$(BIN)/python -m benchmarks.run

bench-full: $(PEERS_STAMP)  ## the whole suite: quality and time of every engine and peer, into benchmarks/RESULTS.md
	@$(BIN)/python -m benchmarks.run --full --write benchmarks

bench-rules: $(TEST_STAMP)  ## the caller's rules by size and event, beside SCIP, into their section of benchmarks/RESULTS.md
	@$(BIN)/python -m benchmarks.run --rules --write benchmarks

bench-columns: $(TEST_STAMP)  ## accounts in columns: the loop, the wire, a million accounts from Parquet to Parquet
	@$(BIN)/python -m benchmarks.run --columns --write benchmarks

bench-day: $(TEST_STAMP)  ## the trading day in columns, from triggers to books, and a big broker's whole day
	@$(BIN)/python -m benchmarks.run --day --write benchmarks

agree: $(TEST_STAMP)  ## HiGHS, the reference and brute force on 5,000 generated accounts: do they come to the same?
	@$(BIN)/python -m tests.reference.agree --cases 5000 --seed 1

day: $(TEST_STAMP)  ## a broker's day over gRPC, its books in SQLite, reconciled to the cent (ARGS="--accounts 1000")
	@$(BIN)/python -m benchmarks.day $(ARGS)

day-columns: $(TEST_STAMP)  ## the day of a big broker, everything in columns: 100,000 accounts (ARGS="--accounts 2000")
	@$(BIN)/python -m benchmarks.day.columns --accounts 100000 $(ARGS)

day-lives: $(TEST_STAMP)  ## a broker's years as a state machine with faults (ARGS="--account-years 100000 --seed 1")
	@$(BIN)/python -m benchmarks.day.lives $(ARGS)

years: $(TEST_STAMP)  ## the optimum beside greedy, month by month from 1990 to 2022, into benchmarks/YEARS.md: some minutes
	@$(BIN)/python -m benchmarks.years --write benchmarks

mutate: $(TEST_STAMP)  ## flip comparisons and signs, and see that a test notices
	@$(BIN)/python -m tests.mutate

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null 2>&1 || { echo "$(PYTHON) is missing: install Python 3.11 or later, or say make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "piewise needs Python 3.11 or later; $(PYTHON) is older. Say make PYTHON=python3.12, for example"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv is missing: on Debian and Ubuntu, apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): $(VENV)/bin/python
	@echo "installing piewise into $(VENV)"
	@$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e .
	@rm -f $(VENV)/run-* && touch $@

$(TEST_STAMP): $(RUN_STAMP)
	@echo "installing what the tests need into $(VENV)"
	@$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[test]'
	@rm -f $(VENV)/test-* && touch $@

$(PEERS_STAMP): $(TEST_STAMP)
	@echo "installing the peers of the benchmarks into $(VENV)"
	@$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[peers]'
	@rm -f $(VENV)/peers-* && touch $@

clean:
	@rm -rf $(VENV) build *.egg-info
