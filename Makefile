# Everything starts here. `make demo` and `make test` need Python 3.11 with venv, make and git, and install the rest themselves.
PYTHON ?= python3
DEMO_PORTS ?= 25000
TEST_PORTS ?= 26000
#: On two cores a third process makes OpenStack slower than it makes the tests faster.
TEST_PROCESSES ?= 2
BIN := .venv/bin
SITE := $(BIN)/python -m infra.site
MESSAGES := dcctl/locale

.PHONY: help demo demo-down demo-restart test lint unit bench chaos messages dashboards lock setup
.DEFAULT_GOAL := help

help:
	@echo "make demo          install, start a trial cloud, run the main job, leave it running"
	@echo "make demo-down     end every process of the demo; its data stay"
	@echo "make demo-restart  start again whichever process of the demo has died"
	@echo "make test          everything: lint, unit, integration, acceptance"
	@echo "make lint          ruff, mypy --strict, import contracts"
	@echo "make bench         each workload beside its reference; the trial cloud's start and memory"
	@echo "make chaos         the ledger at full size: steps against a dict, storms, killed servers (an hour or more)"
	@echo "make messages      extract, update and compile the French words"
	@echo "make dashboards    write Grafana's dashboards from infra/grafana"
	@echo "make lock          resolve the lock files anew"

setup:
	@$(PYTHON) -m infra.setup --ports $(DEMO_PORTS)

demo: setup
	@$(SITE) up --state .demo --ports $(DEMO_PORTS)
	@$(SITE) demo --state .demo --ports $(DEMO_PORTS)

demo-down:
	@if [ -x $(BIN)/python ]; then $(SITE) down --state .demo --ports $(DEMO_PORTS); else echo "Nothing is installed, so nothing runs."; fi

demo-restart:
	@if [ -x $(BIN)/python ]; then $(SITE) restart --state .demo --ports $(DEMO_PORTS); else echo "There is no demo yet; make one: make demo"; exit 1; fi

lint:
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test:
	@$(PYTHON) -m infra.setup --ports $(TEST_PORTS)
	@$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --no-loadscope-reorder

unit:
	$(BIN)/python -m pytest tests/unit

bench:
	@$(PYTHON) -m infra.setup --ports $(TEST_PORTS)
	$(BIN)/python -m tests.bench

chaos:
	@$(PYTHON) -m infra.setup --ports $(TEST_PORTS)
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) tests/chaos

CLICK = $(shell $(BIN)/python -c "import click, pathlib; print(pathlib.Path(click.__file__).parent)")

messages:
	@mkdir -p build
	$(BIN)/pybabel extract --no-location --sort-output -k _ -k N_ --project=dcctl --version=1 -o build/messages.pot dcctl $(CLICK)
	$(BIN)/pybabel update --no-fuzzy-matching --ignore-obsolete -w 150 -D messages -d $(MESSAGES) -i build/messages.pot -l fr
	$(BIN)/pybabel compile -D messages -d $(MESSAGES)

dashboards:
	$(BIN)/python -m infra.grafana

#: The lock files name no host, so that they serve any mirror.
LOCK := uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --no-emit-index-url
lock:
	@PATH="$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/dcctl/uv/bin:$$PATH"; export PATH; set -e; \
	$(LOCK) --python-version 3.11 --group dev --extra trial pyproject.toml -o requirements.lock; \
	cd infra/devcloud; $(LOCK) --python-version 3.11 pyproject.toml -o requirements.lock; \
	cd ../setup; $(LOCK) --python-version 3.11 requirements.in -o requirements.lock
