# Penstock: what people and CI run. `make` alone lists the targets.
# Works with GNU make 3.81 and newer (the one that macOS has).

SHELL := /bin/sh
.DEFAULT_GOAL := help

# What a shell may carry along for another Python must not change ours.
unexport PYTHONHOME PYTHONPATH PYTHONSAFEPATH PYTHONOPTIMIZE PYTHONSTARTUP PYTHONWARNINGS PYTHONUSERBASE
export PIP_USER := 0
export PIP_REQUIRE_VIRTUALENV := 0
export PIP_NO_INPUT := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# The first Python that is new enough; `make PYTHON=/path/to/python3.12 ...` chooses another.
IS_USABLE := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))
PYTHON ?= $(shell unset PYTHONHOME PYTHONPATH; for name in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	"$$name" -c '$(IS_USABLE)' >/dev/null 2>&1 && { command -v "$$name"; break; }; done)

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
MADE := $(VENV)/.made
RUN := $(VENV)/.installed-run
DEV := $(VENV)/.installed-dev
PIP_INSTALL := $(PY) -m pip install --quiet

KAFKA_PORT ?= 9092
KAFKA_DATA ?= build/broker/data
TEST ?= tests

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(DEV) ## make .venv with everything that development needs

.PHONY: demo
demo: $(RUN) ## install what running needs, and run an example workflow from start to end
	@$(PY) examples/demo.py

.PHONY: check
check: $(DEV) ## format, lint, types, generated files: all that CI checks without running a test
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/basedpyright
	@$(PY) -m penstock.contracts.generate --check
	@$(PY) -m tests.docs.reference --check
	@$(PY) -m tests.release.licences --check

.PHONY: fix
fix: $(DEV) ## format, and mend what ruff can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

# How many processes `auto` are, tests/conftest.py says.
JOBS ?= auto
PYTEST := $(PY) -m pytest -n $(JOBS) --dist worksteal --durations 30

.PHONY: test
test: $(DEV) ## all tests but the long ones, with a real Kafka (TEST=path for some of them, JOBS=0 for one process)
	@$(PY) -m tests.kafka_broker
	-@$(PY) -m tests.go_tools
	@$(PYTEST) $(TEST)

.PHONY: test-fast
test-fast: $(DEV) ## the tests that need no Kafka
	@$(PYTEST) -m "not kafka and not deploy_long and not package" $(TEST)

DEPLOY ?= deploy_long or not deploy_long

.PHONY: deploy-test
deploy-test: $(DEV) ## all of deploy/, the image's steps without Docker, too (Go, Node; DEPLOY=deploy_long for these alone)
	@$(PY) -m tests.kafka_broker
	-@$(PY) -m tests.go_tools
	@$(PY) -m pytest -m "$(DEPLOY)" tests/deploy

.PHONY: chaos
chaos: $(DEV) ## every fault of docs/reliability.md, the long ones too (an hour), and their figures
	@$(PY) -m tests.kafka_broker
	-@$(PY) -m tests.go_tools
	@$(PY) -m pytest -p no:rerunfailures -m fault $(TEST)

SECONDS ?= 60
STOPS ?= 3

.PHONY: chaos-nodes
chaos-nodes: $(DEV) ## three servers, one killed every 15 s for SECONDS, then STOPS clean stops, and the figures
	@$(PY) -m tests.chaos --seconds $(SECONDS) --stops $(STOPS)

ROUNDS ?= 30

.PHONY: killed
killed: $(DEV) ## kill a worker over Kafka ROUNDS times; how soon others begin what it had
	@$(PY) -m tests.kafka_broker
	@$(PY) -m tests.sdk.kill_rounds --rounds $(ROUNDS)

SEEDS ?= 1000
FIRST ?= 0

.PHONY: sim
sim: $(DEV) ## live through SEEDS simulated worlds, the first of them FIRST, on all cores
	@$(PY) -m tests.sim --seeds $(SEEDS) --first $(FIRST)

.PHONY: fuzz
fuzz: $(DEV) ## the tests of properties, each with 2,000 examples that nobody has seen yet
	@$(PYTEST) -m "hypothesis and not kafka" --hypothesis-profile fuzz $(TEST)

.PHONY: matrix
matrix: $(DEV) ## the moves and refusals that the scenarios go through, and those they do not
	@$(PY) -m tests.sim.matrix

.PHONY: growth
growth: $(DEV) ## what a step costs in a run of 100,000, and a thread in a run of 10,000
	@$(PY) -m tests.sim.growth
	@$(PY) -m tests.sim.growth_threads

.PHONY: each
each: $(DEV) ## a for-each over 10,000 values with real workers, to its end and killed at half (EACH="--kafka")
	@$(PY) -m tests.dialects.each_many $(EACH)

.PHONY: kafka
kafka: ## run a Kafka on 127.0.0.1:9092 until Ctrl-C (KAFKA_PORT, KAFKA_DATA)
	@$(if $(PYTHON),,$(error $(NO_PYTHON)))"$(PYTHON)" deploy/broker/broker.py \
		--port "$(KAFKA_PORT)" --data "$(KAFKA_DATA)"

ONLY ?=
BENCH := $(PY) -m tests.bench $(if $(ONLY),--only $(ONLY))

.PHONY: bench
bench: $(DEV) ## measure, about 40 minutes (ONLY="growth bare" for some groups; docs/performance.md)
	@$(BENCH)

.PHONY: bench-quick
bench-quick: $(DEV) ## measure, roughly and in about a minute
	@$(BENCH) --quick

.PHONY: instructions
instructions: $(DEV) ## count what a 1-task workflow costs, stage by stage; a tenth more fails (wants valgrind)
	@$(PY) -m tests.bench.instructions --check

UI_MADE := ui/node_modules/.made

.PHONY: ui
ui: $(RUN) $(UI_MADE) ## build the dashboard; needs Node 20.19 or newer
	@$(PY) -m penstock.cli openapi | (cd ui && npm run --silent types)
	@cd ui && npm run --silent build

.PHONY: test-ui
test-ui: $(DEV) ui ## the dashboard in a real browser (Debian's chromium, or the one CHROMIUM names)
	@cd ui && npm run --silent test -- $(TEST_UI)

.PHONY: schemas
schemas: $(DEV) ## write schemas/ and topics/ anew from the structs
	@$(PY) -m penstock.contracts.generate

.PHONY: reference
reference: $(DEV) ## write docs/reference/ anew from the code
	@$(PY) -m tests.docs.reference

.PHONY: docs
docs: $(DEV) ## build the site from docs/ into build/site; a dead link fails it
	@$(PY) -m tests.docs.site
	@echo "build/site/index.html"

.PHONY: docs-test
docs-test: $(DEV) ## run or check every code block, follow the tutorial, run the examples, build the site
	@$(PY) -m pytest -n $(JOBS) --dist worksteal tests/docs tests/examples/test_examples.py \
		tests/sdk/test_client_page.py tests/records/test_protocol_page.py

.PHONY: package-test
package-test: $(DEV) ui ## build the packages, install them in empty environments, follow the tutorial there
	@$(PY) -m pytest -m package tests/release
	@$(PY) -m pytest tests/release

.PHONY: dist
dist: $(DEV) ui ## write what is released to dist/: wheel, source, list of contents
	@$(PY) -m tests.release.packaging

.PHONY: audit
audit: $(DEV) ## ask whether anything that is locked is known to be unsafe
	@$(PY) -m tests.release.audit

.PHONY: licences
licences: $(DEV) ## write THIRD_PARTY.md anew
	@$(PY) -m tests.release.licences

.PHONY: freeze
freeze: $(DEV) ## keep the scenarios' logs and the schemas under this version, for later ones to fold
	@$(PY) -m tests.replay.freezing

# No index is named in the files, so that they hold for a mirror as well.
LOCK := $(BIN)/uv pip compile --quiet pyproject.toml --universal --python-version 3.11 \
	--generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links

.PHONY: lock
lock: $(DEV) ## write the lock files anew from pyproject.toml (UPGRADE=--upgrade for newer versions)
	@$(LOCK) $(UPGRADE) --extra server --group build -o requirements.lock
	@$(LOCK) $(UPGRADE) --all-extras --group build --group dev \
		--group docs --group release -c requirements.lock \
		-o requirements-dev.lock
	@$(LOCK) --extra server --extra s3 --extra otel --extra flows -c requirements-dev.lock \
		-o deploy/image/requirements.lock

.PHONY: clean
clean: ## remove the environment and everything built
	@rm -rf ui/node_modules ui/test-results ui/src/api/types.ts engine/penstock/gateway/ui_dist
	@rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the environment ------------------------------------------------------------------------------
# Stamp files: each step is done again only when what it reads has changed.

define NO_PYTHON
no Python 3.11 to 3.14 found. Install one (Debian, Ubuntu: apt-get install python3 python3-venv), or name it: make PYTHON=/path/to/python3 ...
endef

$(MADE):
	@$(if $(PYTHON),,$(error $(NO_PYTHON)))"$(PYTHON)" -c '$(IS_USABLE)' || { \
		echo "make: $(PYTHON) is not Python 3.11 to 3.14" >&2; exit 1; }
	@rm -rf $(VENV)
	@if "$(PYTHON)" -c 'import ensurepip, venv' >/dev/null 2>&1; then \
		"$(PYTHON)" -m venv $(VENV); \
	elif "$(PYTHON)" -c 'import virtualenv' >/dev/null 2>&1; then \
		"$(PYTHON)" -m virtualenv --quiet --no-download $(VENV); \
	elif command -v uv >/dev/null 2>&1; then \
		uv venv --quiet --seed --python "$(PYTHON)" $(VENV); \
	else \
		echo "make: $(PYTHON) cannot make a virtual environment: its module ensurepip is missing." >&2; \
		echo "  Debian, Ubuntu: apt-get install python3-venv" >&2; \
		echo "  elsewhere:      install virtualenv or uv, or name another Python: make PYTHON=..." >&2; \
		exit 1; \
	fi
	@touch $@

# Wheels only: building from source would run code that the lock file does not cover.
$(RUN): $(MADE) requirements.lock pyproject.toml
	@echo "installing Penstock into $(VENV)"
	@$(PIP_INSTALL) --only-binary :all: --require-hashes -r requirements.lock
	@$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): $(RUN) requirements-dev.lock
	@echo "installing what development needs into $(VENV)"
	@$(PIP_INSTALL) --only-binary :all: --require-hashes -r requirements-dev.lock
	@touch $@

$(UI_MADE): ui/package-lock.json ui/package.json
	@command -v npm >/dev/null 2>&1 || { \
		echo "make: the dashboard is built with Node 20.19 or newer, and there is no npm." >&2; \
		echo "  All else runs without it; releases bring it built." >&2; \
		exit 1; \
	}
	@cd ui && npm ci --silent
	@touch $@
