# The table of contents of daily work; `make help` lists it.

.DEFAULT_GOAL := help
.PHONY: help up demo golden test units lint types imports bench proto chromium java servers clean
SHELL := /bin/bash

# Nothing is installed twice: the stamp carries the hash of what decides an installation.
BIN := .venv/bin
FINGERPRINT := $(shell cat pyproject.toml constraints.txt | (sha256sum 2>/dev/null || shasum -a 256) | cut -c1-16)
INSTALLED := .venv/.installed-$(FINGERPRINT)
INTERRUPTED := .venv/.installing
PYTHON ?= $(shell for python in python3.11 python3 python; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null \
	&& command -v "$$python" && break; done)

help: ## List these targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

up: $(INSTALLED) ## Start the platform with demo data: Dagster on 3000, triage on 8080, dashboards on 8000
	@$(BIN)/whetstone up --demo

demo: $(INSTALLED) ## Walk the whole loop once, from raw logs to a signed release, and say what happened
	@$(BIN)/whetstone demo

golden: $(INSTALLED) ## Contribute public data to the golden datasets: make golden DATA=../shared/data
	@test -n "$(DATA)" || { echo "Name the directory of the public data: make golden DATA=../shared/data" >&2; exit 2; }
	@$(BIN)/python -m benchmarks.golden --data "$(DATA)"

# Types are checked while tests wait for their processes.
test: $(INSTALLED) chromium java servers lint ## Everything that a change must pass
	@$(MAKE) --no-print-directory --jobs=3 types imports units

units: $(INSTALLED) chromium java servers ## The tests alone
	$(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder --durations=25

lint: $(INSTALLED) ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED) ## Check types
	$(BIN)/pyright

imports: $(INSTALLED) ## Check which room imports which
	$(BIN)/lint-imports

BENCH ?= batch --lines 1000000 --json
bench: $(INSTALLED) ## Measure; another one: make bench BENCH="join --rows 1000000 --json"
	$(BIN)/python -m benchmarks.$(BENCH)

proto: $(INSTALLED) ## Generate the catalog's Python module from its schema
	$(BIN)/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. whetstone/catalog/catalog.proto

chromium: ## Install the browser in which tests look at pages, where it is missing
	@command -v chromium chromium-browser google-chrome >/dev/null || { \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends chromium; \
	else echo "The tests look at pages in a browser: install chromium (Debian: apt install chromium)" >&2; exit 1; fi; }

java: ## Install the Java that Spark runs on, where it is missing
	@command -v java >/dev/null || test -x "$$JAVA_HOME/bin/java" || { \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends openjdk-17-jre-headless; \
	else echo "The tests compare with Spark: install Java 17 (Debian: apt install openjdk-17-jre-headless)" >&2; exit 1; fi; }

servers: ## Install the servers that tests talk to, where they are missing
	@PATH="$$PATH:/usr/sbin"; { command -v nginx && command -v redis-server && ls /usr/lib/postgresql/*/bin/postgres; } >/dev/null 2>&1 || { \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends nginx-light redis-server postgresql; \
	else echo "The tests talk to real servers: install nginx, Redis and Postgres (Debian: apt install nginx-light redis-server postgresql)" >&2; exit 1; fi; }

clean: ## Remove the installation and the caches; the platform's state in .whetstone stays
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An interrupted installation cannot be trusted to be mended by a second one.
$(INSTALLED):
	@test ! -e $(INTERRUPTED) || { echo "The last installation did not finish: starting anew"; rm -rf .venv; }
	@test -x $(BIN)/python || test -n "$(PYTHON)" || { \
	echo "Whetstone needs Python 3.11: install it, or name it with 'make PYTHON=/path/to/python3.11'" >&2; exit 1; }
	@mkdir -p .venv && touch $(INTERRUPTED)
	@test -x $(BIN)/python || "$(PYTHON)" -m venv .venv || { \
	echo "$(PYTHON) cannot make virtual environments (Debian: apt install python3.11-venv)" >&2; exit 1; }
	@# Bytecode is made of what is imported, when it is: of all that is installed it takes a minute.
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable '.[platform,spark,dev]'
	@rm -f .venv/.installed-* $(INTERRUPTED) && touch $@
