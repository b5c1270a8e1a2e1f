# The commands of this project. `make up` and `make test` set up all that they need.
PYTHON ?= python3
BIN := .venv/bin

# Set in many containers, it has each of our processes compile some thousand modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: up down test check bench soak lock
up: $(BIN)/.installed            ## deploy the examples to the embedded cloud and ask one a question
	@$(BIN)/agent-hosting up

down: $(BIN)/.installed          ## destroy the stack `local` and stop what was started
	@$(BIN)/agent-hosting down

test: $(BIN)/.installed          ## every test
	@$(BIN)/agent-hosting tools
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

check: $(BIN)/.installed         ## format, lint, types, dependency rule, and that every test can be imported
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .
	@$(BIN)/basedpyright
	@$(BIN)/lint-imports
	@found=$$($(BIN)/pytest --collect-only -qq 2>&1) || { echo "$$found" | grep -v '^tests/[^ ]*: [0-9]*$$'; exit 1; }

bench: $(BIN)/.installed         ## figures, as ratios against a floor in the same run
	@$(BIN)/python -m tests.bench

soak: $(BIN)/.installed          ## thousands of runs under random faults, for three minutes
	@$(BIN)/python -m tests.soak

lock: $(BIN)/.installed          ## resolve the dependencies anew
	@sh requirements/lock.sh

$(BIN)/.installed: pyproject.toml requirements/dev.lock requirements/bootstrap.sh
	@PYTHON=$(PYTHON) sh requirements/bootstrap.sh
