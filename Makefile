# `make lab` makes a cluster, `make test` proves the project; both install what they need first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CLUSTER ?= inventory/lab/cluster.yaml
PYTEST := $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.PHONY: help setup packages browser lab down test unit programs golden lint integration e2e e2e-vm addons debian13 breakages drill fmt bench clean

help: ## Show what there is to make
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: packages $(VENV)/.ready ## Install Debian packages (where root or sudo allows) and kprov into .venv

packages:
	@sh tools/packages.sh

$(VENV)/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "kprov needs Python 3.11 or later: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 2; }
	@echo "Installing kprov into $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,fast]'
	@touch $@

lab: setup ## Make three control planes and a worker as containers, and prove the cluster
	@sh tools/as-root.sh $(BIN)/kprov up -f $(CLUSTER)

down: setup ## Remove the lab
	@sh tools/as-root.sh $(BIN)/kprov lab down -f $(CLUSTER)

browser: # for the tests that open the dashboard and the report; without it they are skipped by name
	@sh tools/packages.sh chromium || true

test: setup browser lint unit programs golden integration e2e addons ## Run every test, those with real nodes too

unit: $(VENV)/.ready ## Run the tests that need nothing but Python: seconds
	@$(PYTEST) -q -n auto tests/unit

programs: $(VENV)/.ready ## Run the tests that start whole programs (ansible-playbook, pytest): half a minute
	@$(PYTEST) -q -n auto tests/programs

golden: $(VENV)/.ready ## Compare what is rendered with files, and roles, catalogs and schemas with each other
	@$(PYTEST) -q -n auto tests/golden tests/contract

lint: $(VENV)/.ready ## Types, style, architecture, roles
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/ansible-lint --offline -q
	@$(BIN)/yamllint -s .

integration: setup ## Converge single real nodes, twice
	@sh tools/as-root.sh $(PYTEST) -v tests/integration

e2e: setup ## Make a real cluster, prove it, repeat it, hurt it, remove it; see that a plan says what up does
	@sh tools/as-root.sh $(PYTEST) -v tests/e2e/test_up.py tests/e2e/test_plan.py

e2e-vm: setup ## Make a cluster on real virtual machines by Vagrant and libvirt, emulated where KVM does not boot
	@sh tools/packages.sh vagrant vagrant-libvirt libvirt-daemon-system libvirt-clients qemu-system-x86 qemu-utils dnsmasq-base
	@sh tools/as-root.sh $(PYTEST) -v --durations=0 tests/e2e/test_vm.py

addons: setup browser ## Make a cluster with flannel and add-ons, break each, open its dashboard in a browser
	@sh tools/as-root.sh $(PYTEST) -v tests/e2e/test_addons.py tests/e2e/test_dashboard.py tests/e2e/test_sets.py tests/e2e/test_charts.py

debian13: setup ## Make a cluster of Debian 12 nodes with one of Debian 13, and prove it
	@sh tools/as-root.sh $(PYTEST) -v tests/e2e/test_debian13.py

breakages: setup ## Break a cluster of four nodes in 26 places, and see that exactly the right checks fail
	@sh tools/as-root.sh $(PYTEST) -v tests/e2e/test_breakages.py

drill: setup ## Cut an up off at ten moments (half an hour), change keys, and make the book's nine nodes
	@KPROV_E2E_ROUNDS=$${KPROV_E2E_ROUNDS:-10} sh tools/as-root.sh $(PYTEST) -v tests/e2e/test_interrupt.py tests/e2e/test_encryption.py tests/e2e/test_nine.py tests/e2e/test_imported.py

fmt: $(VENV)/.ready ## Format the code
	@$(BIN)/ruff check --fix-only -q .
	@$(BIN)/ruff format -q .

bench: setup ## Measure against the floor: one cluster by kprov, one by a bare shell script
	@sh tools/as-root.sh $(BIN)/python bench/cluster.py

clean: ## Remove the virtual environment and caches of the tools (labs: `make down` first)
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .ansible dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
