# bpcompile's commands. A machine needs python 3.11 to 3.13, git and make; the rest is installed
# into .venv beside this file, from hash-checked locks. Prerequisites are relative names and every
# shell word is quoted, so that a checkout may lie under a path with spaces.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL: # two pips in one environment would collide
.PHONY: help demo test lint format bench lock clean

# The interpreter that makes .venv; when empty, the first of CANDIDATES that is new enough.
PYTHON ?=
CANDIDATES := python3 python3.13 python3.12 python3.11 python

VENV := .venv
PY := $(VENV)/bin/python
BENCH_VENV := .venv-bench
BENCH_PY := $(BENCH_VENV)/bin/python
LOCK_VENV := .venv-lock

# Wheels whose hashes stand in the lock, and nothing else.
PIP_LOCKED := -m pip install --disable-pip-version-check --no-input --require-hashes --only-binary :all:
# The checkout itself, editable, with the build backend of the lock.
PIP_SELF := -m pip install --disable-pip-version-check --no-input --quiet --no-deps --no-build-isolation --editable .
# The peers of the benchmarks, beside the locked packages as they are.
PIP_PEERS = -m pip install --disable-pip-version-check --no-input $(PEER_ARGS)

# Further arguments: `make test ARGS="tests/ops -k tanh"`, `make bench ARGS="--case lorenz"`.
ARGS ?=
# In how many processes the tests run; when empty, in one for each core, up to 4. `JOBS=0` is one.
JOBS ?=
# pip's further options for the peers, such as where PyTorch's CPU build is found.
PEER_ARGS ?=

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' Makefile

demo: $(VENV)/self.stamp ## train a digit classifier with a compiled gradient
	@"$(PY)" -m bpcompile demo $(ARGS)

test: $(VENV)/dev.stamp $(VENV)/self.stamp ## run the tests
	@"$(PY)" -m pytest -n $(or $(JOBS),auto) --maxprocesses 4 --dist worksteal $(ARGS)

lint: $(VENV)/dev.stamp $(VENV)/self.stamp ## check style, formatting and types
	"$(PY)" -m ruff check .
	"$(PY)" -m ruff format --check .
	"$(PY)" -m mypy --strict bpcompile

format: $(VENV)/dev.stamp $(VENV)/self.stamp ## format the code and sort the imports
	"$(PY)" -m ruff check --fix-only .
	"$(PY)" -m ruff format .

bench: $(BENCH_VENV)/bench.stamp ## measure beside the peers, in an environment of their own
	@"$(BENCH_PY)" benchmarks/run.py $(ARGS)

lock: $(LOCK_VENV)/lock.stamp ## resolve requirements/*.lock anew
	@for group in "run:--group build" "dev:--group build --group dev"; do \
		name="$${group%%:*}"; \
		"$(LOCK_VENV)/bin/uv" pip compile --quiet --universal --python-version 3.11 \
			--fork-strategy fewest --upgrade --generate-hashes --no-emit-index-url \
			--custom-compile-command "make lock" \
			$${group#*:} pyproject.toml --output-file "requirements/$$name.lock" || exit 1; \
	done

clean: ## remove the environments, builds and caches
	rm -rf "$(VENV)" "$(BENCH_VENV)" "$(LOCK_VENV)" build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Each stamp is newer than the lock that its environment was made from; a changed lock makes the
# environment anew, so that it holds what the lock says and nothing left over.

define make_venv
	@set -e; chosen=""; \
	for candidate in $(if $(PYTHON),"$(PYTHON)",$(CANDIDATES)); do \
		if "$$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; \
		then chosen="$$candidate"; break; fi; \
	done; \
	if [ -z "$$chosen" ]; then \
		echo "bpcompile needs Python 3.11, 3.12 or 3.13; none of these is: $(if $(PYTHON),$(PYTHON),$(CANDIDATES))" >&2; \
		echo "Say which one to use: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; \
		exit 1; \
	fi; \
	echo "Making $(1) with $$("$$chosen" --version)"; \
	"$$chosen" -m venv --clear "$(1)"
endef

$(VENV)/run.stamp: requirements/run.lock
	$(call make_venv,$(VENV))
	@"$(PY)" $(PIP_LOCKED) --requirement requirements/run.lock
	@touch "$@"

$(VENV)/self.stamp: pyproject.toml $(VENV)/run.stamp
	@"$(PY)" $(PIP_SELF)
	@touch "$@"

$(VENV)/dev.stamp: requirements/dev.lock $(VENV)/run.stamp
	@"$(PY)" $(PIP_LOCKED) --quiet --requirement requirements/dev.lock
	@touch "$@"

# The peers are many and large, and their newest versions are wanted: they are no part of the
# locks. benchmarks/requirements-pytensor.in says why PyTensor comes without its dependencies.
$(BENCH_VENV)/bench.stamp: requirements/run.lock benchmarks/requirements.in benchmarks/requirements-pytensor.in
	$(call make_venv,$(BENCH_VENV))
	@"$(BENCH_PY)" $(PIP_LOCKED) --requirement requirements/run.lock
	@"$(BENCH_PY)" $(PIP_PEERS) --requirement benchmarks/requirements.in
	@"$(BENCH_PY)" $(PIP_PEERS) --no-deps --requirement benchmarks/requirements-pytensor.in
	@"$(BENCH_PY)" $(PIP_SELF)
	@touch "$@"

$(LOCK_VENV)/lock.stamp:
	$(call make_venv,$(LOCK_VENV))
	@"$(LOCK_VENV)/bin/python" -m pip install --disable-pip-version-check --no-input --quiet uv
	@touch "$@"
