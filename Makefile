PYTHON ?= python3
PY := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help run test bench soak clean bootstrap bootstrap-test

help:
	@echo "make run    set up what is missing, then run the calling scenarios against the reference PBX"
	@echo "make test   set up what is missing, then run trunkproof's own tests, linter and type checker"
	@echo "make bench  set up what is missing, then run the benchmarks"
	@echo "make soak   set up what is missing, then half an hour of calls: nothing may leak (MINUTES=10 for less)"
	@echo "make clean  remove what was made in this checkout (the cache outside it stays)"
	@echo "Options of a run: make run ARGS='-n 4'"

# make itself ends with 2 for any failure; `.venv/bin/trunkproof run` gives the exact status.
run: bootstrap
	@.venv/bin/trunkproof run $(or $(ARGS),-n 6)

# All always run, so that one look shows everything that is wrong. Whole runs come last and have the machine to
# themselves: they place calls in real time, several side by side.
test: bootstrap-test
	@failed=0; \
	$(PY) -m ruff check . || failed=1; \
	$(PY) -m mypy || failed=1; \
	.venv/bin/lint-imports || failed=1; \
	$(PY) -m pytest tests --ignore=tests/live -n 2 --dist=loadgroup $(ARGS) || failed=1; \
	$(PY) -m pytest tests/live $(ARGS) || failed=1; \
	exit $$failed

bench: bootstrap
	@$(PY) -m benchmarks $(ARGS)

soak:
	@.ci/soak $(or $(MINUTES),30) $(ARGS)

bootstrap:
	@$(PYTHON) -m bootstrap

bootstrap-test:
	@$(PYTHON) -m bootstrap --test

clean:
	rm -rf .venv out build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
