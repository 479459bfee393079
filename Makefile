# The interpreter that makes .venv; any Python from 3.11 on.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Workers for the tests, one a core; a file's tests share what they prepare.
WORKERS := -n auto --maxprocesses 8
# Where benchmarks/setup.sh installs the tools that attnrun is compared with.
PEERS := $(or $(ATTNRUN_PEERS),$(HOME)/.cache/attnrun-peers)
TORCH := $(shell sed -n 's/^torch==//p' .ci/constraints.txt)
.DEFAULT_GOAL := help

.PHONY: help
help:  ## Show what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

# Without an NVIDIA GPU the CPU build of torch saves gigabytes; where that index cannot be reached, any build will do.
cpu_torch = command -v nvidia-smi >/dev/null || $(1)/bin/python -m pip install --quiet --no-deps --retries 0 \
    --timeout 20 --index-url https://download.pytorch.org/whl/cpu torch==$(TORCH) 2>/dev/null || true

.venv/installed: pyproject.toml .ci/constraints.txt
	$(PYTHON) -m venv .venv
	$(call cpu_torch,.venv)
	$(PIP) install --quiet -c .ci/constraints.txt -e '.[dev]'
	touch $@

.PHONY: install
install: .venv/installed  ## Make .venv with attnrun and everything its tests need

.PHONY: demo
demo: .venv/installed  ## Fit a kernel regression and train a translator with Bahdanau attention
	$(BIN)/attnrun train nw-regression
	$(BIN)/attnrun translate --attention bahdanau
	@echo
	@echo "Made: the curves and heat maps named above, in ./outputs."
	@echo "Next: $(BIN)/attnrun translate --attention bahdanau \"If it rains tonight, he'll play cards.\""
	@echo "      $(BIN)/attnrun train nw-regression data=mcycle"
	@echo "      $(BIN)/attnrun list"
	@echo "      $(BIN)/attnrun board"

.PHONY: test
test: .venv/installed  ## Run the test suite
	$(BIN)/python -m pytest $(WORKERS) --dist loadfile $(COVER)

.PHONY: test-slow
test-slow: .venv/installed  ## Run the tests that take long
	$(BIN)/python -m pytest $(WORKERS) --dist worksteal -m slow

.PHONY: test-figures
test-figures: .venv/installed  ## Train until the stated figures can be judged
	$(BIN)/python -m pytest $(WORKERS) --dist worksteal -m figures

.PHONY: test-product
test-product: .venv/installed  ## Train every mechanism with every other choice
	$(BIN)/python -m pytest $(WORKERS) --dist worksteal -m product

.PHONY: test-faults
test-faults: .venv/installed  ## Kill, damage and flood runs again and again
	$(BIN)/python -m pytest $(WORKERS) --dist worksteal -m faults

.PHONY: test-planted
test-planted: .venv/installed  ## Plant faults in masks, scales, axes, decoding and the loss: the tests must catch each
	$(BIN)/python -m pytest $(WORKERS) --dist worksteal -m planted

.PHONY: coverage
coverage: .venv/installed  ## Run the test suite and print which share of the code it runs (COVERED=tests/data for a part)
	$(MAKE) test COVER="--cov $(COVERED)"

.venv-oldest/installed: pyproject.toml .ci/constraints.txt .ci/bounds.py
	$(PYTHON) -m venv .venv-oldest
	$(call cpu_torch,.venv-oldest)
	$(PYTHON) .ci/bounds.py > .venv-oldest/bounds.txt
	.venv-oldest/bin/python -m pip install --quiet -c .venv-oldest/bounds.txt -e . $(QUICK)
	touch $@

.venv-newest/installed: pyproject.toml
	$(PYTHON) -m venv .venv-newest
	$(call cpu_torch,.venv-newest)
	.venv-newest/bin/python -m pip install --quiet torch==$(TORCH) -e . $(QUICK)
	.venv-newest/bin/python -m pip install --quiet --pre 'hydra-core>=1.4.0rc1,<1.5' || true
	touch $@

# What the tests of the command line and of configs need, and these tests. Old libraries use what newer ones under
# them announce to drop: there a warning is no failure.
QUICK := pytest pytest-timeout pytest-xdist allpairspy scipy
QUICKLY := -m pytest $(WORKERS) --dist loadfile -W default tests/cli/test_start.py tests/cli/test_train.py \
    tests/launch/test_schema.py tests/launch/test_refusals.py tests/launch/test_catalog.py tests/analysis/test_plots.py

.PHONY: test-oldest
test-oldest: .venv-oldest/installed  ## Run a quick part of the tests with the oldest versions that pyproject.toml admits
	.venv-oldest/bin/python $(QUICKLY)

.PHONY: test-newest
test-newest: .venv-newest/installed  ## Run the same part with the newest versions there are, Hydra 1.4 among them
	.venv-newest/bin/python $(QUICKLY)

.PHONY: audit
audit:  ## Look up known vulnerabilities of the pinned versions, where the network reaches who knows
	$(PYTHON) .ci/audit.py

.PHONY: licences
licences: .venv/installed  ## Write THIRD_PARTY.md: the licences of dependencies and data
	$(BIN)/python .ci/notices.py

# Ray's launcher holds joblib back, so it has an environment of its own.
.venv-ray/installed: pyproject.toml
	$(PYTHON) -m venv .venv-ray
	.venv-ray/bin/python -m pip install --quiet torch==$(TORCH)
	.venv-ray/bin/python -m pip install --quiet -e '.[dev,ray]'
	touch $@

.PHONY: test-ray
test-ray: .venv-ray/installed  ## Run sweeps on a local Ray cluster, in an environment of its own (1 GB)
	.venv-ray/bin/python -m pytest -m slow tests/launch/test_launchers.py -k "ray or cluster"

.PHONY: test-peers
test-peers: $(PEERS)/venv/bin/python  ## Run each row of the tools that `make bench` compares, in toy size
	$< -m pytest tests/benchmarks tests/bench

.PHONY: test-wheel
test-wheel: wheel  ## Install the wheel in a clean environment and use it from elsewhere
	$(BIN)/python -m pytest -m wheel tests/test_wheel.py tests/test_reproducible.py

.PHONY: bench
bench: $(PEERS)/venv/bin/python  ## Compare speed with other tools; ONLY=decoding for one work
	$< -m benchmarks $(ONLY)

$(PEERS)/venv/bin/python:
	@echo 'no tools to compare with in $(PEERS); install them: benchmarks/setup.sh' >&2; exit 1

# The site needs nothing of attnrun, so it has an environment of its own.
.venv-docs/installed: pyproject.toml
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip --disable-pip-version-check install --quiet \
	    $$(sed -n '/^docs = \[/,/^\]/s/^ *"\(.*\)",$$/\1/p' pyproject.toml)
	touch $@

.PHONY: docs
docs: .venv-docs/installed  ## Build the site of the documentation into site/; a broken link is an error
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/python -m mkdocs --quiet build --strict

.PHONY: docs-serve
docs-serve: .venv-docs/installed  ## Show the site on 127.0.0.1:8000 while it is written
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/python -m mkdocs serve

.PHONY: lint
lint: .venv/installed  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.PHONY: format
format: .venv/installed  ## Put the code into the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: wheel
wheel: .venv/installed  ## Build the wheel and the sdist into dist/, byte for byte the same from one commit
	rm -rf build dist
	$(BIN)/python .ci/build.py dist

.PHONY: clean
clean:  ## Remove what was built; runs in outputs/ stay
	rm -rf .venv .venv-docs .venv-ray .venv-oldest .venv-newest .venv-audit build dist site *.egg-info \
	    .coverage .mypy_cache .pytest_cache .ruff_cache
