PYTHON ?= python3
BIN := .venv/bin
# A worker process takes 2 GB of memory: more cores than four give each of them more threads instead.
WORKERS ?= $(shell $(PYTHON) -c "import os; print(min(os.cpu_count() or 1, 4))")

.PHONY: run test test-fast test-lowest lint types docs clean

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable '.[ray]'
	touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@

run: .venv/installed
	@echo "about 12 minutes of work (18 without AVX-512), divided by $(WORKERS) worker(s); the first images are there after one of them."
	@echo "a look in 90 seconds: $(BIN)/dreambench run --preset mini --subjects dog"
	$(BIN)/dreambench run --preset mini --subjects all --out results/mini \
	  --executor ray --workers $(WORKERS)

test: .venv/installed-dev lint
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test-fast: .venv/installed-dev
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile -m "not slow"

# The lower bounds of pyproject.toml are real: all tests pass with exactly these versions.
test-lowest:
	$(PYTHON) -m venv .venv-lowest
	$(PYTHON) tests/material/lowest_versions.py > .venv-lowest/constraints.txt
	.venv-lowest/bin/pip install --quiet --constraint .venv-lowest/constraints.txt --editable '.[dev]'
	.venv-lowest/bin/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(MAKE) --no-print-directory --jobs 2 types docs

types: .venv/installed-dev
	$(BIN)/mypy

docs: .venv/installed-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo "documentation: build/site/index.html"

clean:
	rm -rf .venv .venv-lowest build dist .mypy_cache .ruff_cache .pytest_cache
