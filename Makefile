PYTHON ?= python3
BIN := .venv/bin
TINY := results/tiny-models

.PHONY: run test lint clean

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable .
	touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@

run: .venv/installed
	$(BIN)/python tests/tiny.py $(TINY) > $(TINY).options
	$(BIN)/python -c "from pathlib import Path; from dreambench.mini.world import write_photos; write_photos(Path('$(TINY)/photos'))"
	$(BIN)/dreambench run --preset paper-sd15 --subjects all --data $(TINY)/photos --out results/demo \
		$$(cat $(TINY).options) --set method.steps=20 --set method.class_images=16 \
		--set method.class_sampler.steps=4 --set sampler.steps=4 \
		--note "The models of this run are tiny and randomly initialised: its images are noise, its numbers mean nothing."

test: .venv/installed-dev lint
	$(BIN)/python -m pytest

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache
