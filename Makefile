# make run and make test need make and Python 3.11, nothing else: they make .venv
# and fill it from the locked sets in requirements/, with uv where there is one, and
# build the dashboard, with Node from PyPI where there is none (AIGW_SKIP_WEB=1: not).
#
#   make run  ARGS="--port 9000"     make test ARGS="tests/core -x"
#   make PYTHON=python3.13 test      which Python the first time

VENV ?= .venv
ARGS ?=
TIME ?= 60
TARGET ?=
export VENV PYTHON
# The tests start hundreds of processes: bytecode is kept, whatever the environment says.
unexport PYTHONDONTWRITEBYTECODE

# worksteal: neighbours share fixtures, and nobody counts 15,000 tests again for each.
# Four, as much of it is waiting: 5.5 minutes on two processors, 9 with two.
PYTEST = $(VENV)/bin/python -m pytest -n 4 --dist worksteal

.PHONY: help run dev test test-deep canaries fuzz check conformance bench counts soak web e2e screenshots clean lock sbom audit

help:
	@echo "make run     serve on http://127.0.0.1:8317 (make dev is the same)"
	@echo "make test    the test suite"
	@echo "make test-deep   the tests with many more examples, recorded streams cut at every byte (ARGS=gemini: of one upstream format)"
	@echo "make canaries   the tests that run gateways, at level debug: no secret and no prompt is told"
	@echo "make fuzz    look for inputs that break a law (TIME=60 seconds for each; TARGET=jwt: that alone)"
	@echo "make check   lint, formatting, types, layers"
	@echo "make conformance   the probes over all pairs of formats, as a table"
	@echo "make web     the dashboard into aigw_asgi/static (make run does it when it must)"
	@echo "make e2e     every control of every page of the dashboard, in Chromium"
	@echo "make screenshots   pictures of every page of the dashboard, into build/screenshots"
	@echo "make bench   a quarter of an hour of benchmarks, beside a pump that only copies bytes (ARGS=all: every one)"
	@echo "make counts  instructions for a delta in each codec, against stored bounds (needs valgrind)"
	@echo "make soak    load, and what must not come of it (REQUESTS=200000 STREAMS=1000 ARGS=\"L1 L3\")"
	@echo "make sbom    what a wheel brings and needs, as CycloneDX, into build/sbom.json"
	@echo "make audit   known faults of all that is locked (asks PyPI and npm)"
	@echo "make lock    requirements/*.txt anew, from pyproject.toml (needs uv)"
	@echo "make clean   remove what these made"

run dev: $(VENV)/.runtime
	@$(VENV)/bin/python hatch_build.py --optional
	@exec $(VENV)/bin/aigw run $(ARGS)

test: $(VENV)/.dev
	@$(VENV)/bin/python hatch_build.py --optional
	$(PYTEST) $(ARGS)

# Takes what it has done already from build/deep, unless something has changed since.
test-deep: $(VENV)/.dev
	$(if $(ARGS),,AIGW_DEEP=1 $(PYTEST) --timeout 3600)
	$(VENV)/bin/python -m tests.corpus_runs.deep $(ARGS)

canaries: $(VENV)/.dev
	@$(VENV)/bin/python hatch_build.py --optional
	$(VENV)/bin/python -m pytest -p tests.canaries.plugin -n 4 --dist worksteal $(or $(ARGS),tests/asgi tests/core tests/faults tests/sdks)

# What it finds goes to tests/fuzz/corpus, where make test runs it.
fuzz: $(VENV)/.dev $(VENV)/.fuzz
	$(VENV)/bin/python -m tests.fuzz --time $(TIME) $(TARGET)

check: $(VENV)/.dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/python -m pytest -q tests/test_layers.py
	@$(VENV)/bin/python hatch_build.py --optional npm run --silent typecheck
	@$(VENV)/bin/python hatch_build.py --optional npm run --silent lint

conformance: $(VENV)/.dev
	$(VENV)/bin/python -m tests.conformance $(ARGS)

# Those of a gateway as a whole; ARGS=all for every one, ARGS="gateway growth" for some.
bench: $(VENV)/.dev
	$(VENV)/bin/python -m bench $(ARGS)

# Instructions instead of time; needs valgrind. ARGS=--write stores what is counted.
counts: $(VENV)/.dev
	$(VENV)/bin/python -m bench.counts $(ARGS)

REQUESTS ?= 20000
STREAMS ?= 1000

soak: $(VENV)/.dev
	$(VENV)/bin/python -m bench.soak --requests $(REQUESTS) --streams $(STREAMS) $(ARGS)

web: $(VENV)/.runtime
	@$(VENV)/bin/python hatch_build.py

e2e: $(VENV)/.runtime
	@$(VENV)/bin/python hatch_build.py
	@$(VENV)/bin/python hatch_build.py npm run --silent e2e

screenshots: $(VENV)/.runtime
	@$(VENV)/bin/python hatch_build.py
	@$(VENV)/bin/python hatch_build.py npm run --silent screenshots

$(VENV)/.runtime: requirements/runtime.txt requirements/install
	@requirements/install runtime

$(VENV)/.dev: requirements/dev.txt requirements/install
	@requirements/install dev

$(VENV)/.fuzz: requirements/fuzz.txt requirements/install
	@requirements/install fuzz

LOCK = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
       --no-header --no-emit-index-url --no-emit-find-links $(ARGS)

# ARGS=--upgrade for newer versions; else only what pyproject.toml asks for changes.
lock:
	@command -v uv >/dev/null || { echo "make lock needs uv"; exit 1; }
	$(LOCK) --extra fast pyproject.toml -o requirements/runtime.txt
	$(LOCK) --extra fast --extra redis -c requirements/runtime.txt pyproject.toml -o requirements/redis.txt
	$(LOCK) --extra fast pyproject.toml requirements/dev.in -o requirements/dev.txt
	$(LOCK) requirements/web.in -o requirements/web.txt
	$(LOCK) requirements/fuzz.in -o requirements/fuzz.txt
	$(LOCK) requirements/audit.in -o requirements/audit.txt

sbom: $(VENV)/.runtime
	@$(VENV)/bin/python requirements/sbom.py build/sbom.json
	@echo build/sbom.json

AUDIT_VENV = build/audit

# --strict: a package that cannot be asked about is a failure, not a good one.
audit: $(AUDIT_VENV)/.audit $(VENV)/.runtime
	@failed=0; for lock in requirements/*.txt; do \
	    echo "== $$lock"; \
	    $(AUDIT_VENV)/bin/pip-audit --strict --progress-spinner off --require-hashes --disable-pip -r $$lock || failed=1; \
	done; \
	echo "== web/package-lock.json"; \
	$(VENV)/bin/python hatch_build.py npm audit || failed=1; \
	exit $$failed

$(AUDIT_VENV)/.audit: requirements/audit.txt requirements/install
	@VENV=$(AUDIT_VENV) requirements/install audit

clean:
	rm -rf $(VENV) web/node_modules web/dist aigw_asgi/static .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
