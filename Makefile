# Everything starts here. `make demo` and `make test` need Python 3.11 with venv, make and git, and install the rest themselves.
PYTHON ?= python3
DEMO_PORTS ?= 25000
#: Three ranges: the tests' site from here, benches 1,000 further, and 24000 to 24045 for trial clouds that tests start themselves.
TEST_PORTS ?= $(or $(DCCTL_TEST_PORTS),26000)
export DCCTL_TEST_PORTS := $(TEST_PORTS)
#: On two cores a third process makes OpenStack slower than it makes the tests faster.
TEST_PROCESSES ?= 2
BIN := .venv/bin
SITE := $(BIN)/python -m infra.site
MESSAGES := dcctl/locale
DEVCLOUD_MESSAGES := infra/devcloud/devcloud/locale

#: The language as dcctl.words chooses it: DCCTL_LANG, then the locale; French where neither says English.
ENGLISH := $(shell case "$${DCCTL_LANG:-$${LC_ALL:-$${LC_MESSAGES:-$$LANG}}}" in ([eE][nN]|[eE][nN][._-]*) echo yes;; esac)
ifeq ($(ENGLISH),yes)
NO_DEMO := There is no demo yet; make one: make demo
define HELP
make demo          install, start a trial cloud, run the main job, leave it running
make demo-down     end every process of the demo; its data stay
make demo-restart  start again whichever process of the demo has died
make test          everything: lint, unit, integration, acceptance
make lint          ruff, mypy --strict, import contracts
make test-unified  the main job and the limits with Nova's limits in Keystone
make unit          the tests that need nothing
make bench         each workload beside its reference; the trial cloud's start and memory
make chaos         the ledger at full size and under killed servers; worker, API, PostgreSQL, guardian, run, engine and provider killed
                   at each call of an environment's life and at random; bad weather, spoilt limits, roles, images and servers, runs
                   that sleep past their lease, clocks that jump: seeds printed, DCCTL_CHAOS_SEED replays (several hours)
make messages      extract, update and compile the French words
make dashboards    write Grafana's dashboards from infra/grafana
make lock          resolve the lock files anew
endef
else
NO_DEMO := Il n’y a pas encore de démonstration ; en établir une : make demo
define HELP
make demo          installer, démarrer un nuage d’essai, faire le travail principal, laisser tourner
make demo-down     arrêter tous les processus de la démonstration ; ses données restent
make demo-restart  redémarrer ceux des processus de la démonstration qui sont morts
make test          tout : style, essais unitaires, d’intégration, d’acceptation
make lint          ruff, mypy --strict, contrats d’importation
make test-unified  le travail principal et les limites, celles de Nova dans Keystone
make unit          les essais qui n’ont besoin de rien
make bench         chaque charge à côté de sa référence ; démarrage et mémoire du nuage d’essai
make chaos         le registre en vraie grandeur et serveurs tués ; worker, API, PostgreSQL, gardien, exécution, moteur,
                   fournisseur tués à chaque appel de la vie d’un environnement et au hasard ; mauvais temps, limites, rôles, images et serveurs
                   gâtés, exécutions qui dorment au-delà de leur bail, horloges qui sautent : graines affichées, DCCTL_CHAOS_SEED
                   les rejoue (plusieurs heures)
make messages      extraire, mettre à jour et compiler les mots français
make dashboards    écrire les tableaux de bord de Grafana depuis infra/grafana
make lock          résoudre à nouveau les fichiers de verrouillage
endef
endif

.PHONY: help demo demo-down demo-restart test test-unified lint unit bench chaos messages dashboards lock setup
.DEFAULT_GOAL := help

help:
	@:$(info $(HELP))

setup:
	@$(PYTHON) -m infra.setup --ports $(DEMO_PORTS) --state .demo

demo: setup
	@$(SITE) up --state .demo --ports $(DEMO_PORTS)
	@$(SITE) demo --state .demo --ports $(DEMO_PORTS)

demo-down:
	@if [ -x $(BIN)/python ]; then $(SITE) down --state .demo --ports $(DEMO_PORTS); else $(PYTHON) -m infra.setup --down --state .demo; fi

demo-restart:
	@if [ -x $(BIN)/python ]; then $(SITE) restart --state .demo --ports $(DEMO_PORTS); else echo "$(NO_DEMO)"; exit 1; fi

lint:
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test:
	@$(PYTHON) -m infra.setup --ports $(TEST_PORTS) --state .cache/test-site
	@$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --no-loadscope-reorder

test-unified:
	@$(PYTHON) -m infra.setup --ports $(TEST_PORTS) --state .cache/test-site
	DCCTL_TEST_UNIFIED_LIMITS=1 $(BIN)/python -m pytest -n $(TEST_PROCESSES) --no-loadscope-reorder tests/acceptance/test_main_job.py tests/acceptance/main_job \
		tests/acceptance/cloud

unit:
	$(BIN)/python -m pytest tests/unit

bench:
	@$(PYTHON) -m infra.setup --ports $(TEST_PORTS) --state .cache/bench-site
	$(BIN)/python -m tests.bench --ports $(shell expr $(TEST_PORTS) + 1000)

chaos:
	@$(PYTHON) -m infra.setup --ports $(TEST_PORTS) --state .cache/test-site
	$(BIN)/python -m pytest -n 0 -rA tests/chaos

CLICK = $(shell $(BIN)/python -c "import click, pathlib; print(pathlib.Path(click.__file__).parent)")

#: Two catalogues: dcctl's, with what the commands that install and start it say; and the trial cloud's, whose environment has no dcctl in it.
EXTRACT := $(BIN)/pybabel extract --no-location --sort-output -k _ -k N_ --version=1
UPDATE := $(BIN)/pybabel update --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date -w 150 -D messages -l fr
COMPILE := $(BIN)/pybabel compile -D messages
messages:
	@mkdir -p build
	$(EXTRACT) --project=dcctl -o build/messages.pot dcctl infra/setup infra/site infra/pulumi $(CLICK)
	$(UPDATE) -d $(MESSAGES) -i build/messages.pot
	$(COMPILE) -d $(MESSAGES)
	$(EXTRACT) --project=devcloud -o build/devcloud.pot infra/devcloud/devcloud
	$(UPDATE) -d $(DEVCLOUD_MESSAGES) -i build/devcloud.pot
	$(COMPILE) -d $(DEVCLOUD_MESSAGES)

dashboards:
	$(BIN)/python -m infra.grafana

#: The lock files name no host, so that they serve any mirror.
LOCK := uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --no-emit-index-url
lock:
	@PATH="$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/dcctl/uv/bin:$$PATH"; export PATH; set -e; \
	$(LOCK) --python-version 3.11 --group dev --extra trial pyproject.toml -o requirements.lock; \
	cd infra/devcloud; $(LOCK) --python-version 3.11 pyproject.toml -o requirements.lock; \
	cd ../setup; $(LOCK) --python-version 3.11 requirements.in -o requirements.lock
