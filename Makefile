# Two commands: `make run` starts a shop with sample data, `make test` runs the tests. Both set up what they need.
PYTHON ?= $(shell command -v python3.11 || command -v python3 || command -v python)
SHOP = $(PYTHON) scripts/shop.py

.DEFAULT_GOAL := help
.PHONY: help run test setup lint types walls migrations-check openapi openapi-check messages messages-check check bench chaos clean require-python

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | while IFS='|' read -r name what; do printf '  make %-18s %s\n' "$$name" "$$what"; done

require-python:
	@if [ -z "$(PYTHON)" ]; then echo "Python 3.11 or newer is needed and was not found. Install it, or say where it is: make run PYTHON=/path/to/python3.11" >&2; exit 1; fi

run: require-python ## Start a shop with sample data on http://127.0.0.1:8000
	@$(SHOP) run

test: require-python ## Run the tests (ARGS="tests/apps/cart -k merge" narrows them)
	@$(SHOP) test $(ARGS)

setup: require-python ## Make .venv with everything for development
	@$(SHOP) setup

lint: setup ## Check style
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .

types: setup ## Check types
	@.venv/bin/mypy

walls: setup ## Check who imports whom
	@.venv/bin/lint-imports

migrations-check: setup ## Fail when a model changed without a migration
	@DJANGO_SETTINGS_MODULE=config.settings.test .venv/bin/python manage.py makemigrations --check --dry-run

openapi: setup ## Write docs/api/*.yaml from the code
	@.venv/bin/python scripts/openapi.py write

openapi-check: setup ## Fail when docs/api/*.yaml and the code differ
	@.venv/bin/python scripts/openapi.py check

messages: setup ## Collect the texts of mails and notifications, and compile their translations
	@.venv/bin/python scripts/messages.py write

messages-check: setup ## Fail when a text is not translated
	@.venv/bin/python scripts/messages.py check

check: lint types walls migrations-check openapi-check messages-check ## All checks without the tests

bench: setup ## Measure a shop on PostgreSQL (benchmarks/README.md)
	@.venv/bin/python -m benchmarks.run

chaos: setup ## Break everything under a running shop, in full: about 40 minutes (docs/reliability.md)
	@.venv/bin/python scripts/chaos.py $(ARGS)

clean: ## Remove .venv and the local shop's data
	@rm -rf .venv var .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
