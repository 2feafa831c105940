# The two commands of the README. Each works on its own, on a machine with python3 (3.11 or later), pip and make.
#   make demo    the main job on iris and digits
#   make test    linter, type checker, tests
# And for those who work on it:
#   make docs         the documentation site, to build/docs: how-to pages, tutorial, explanations, reference
#   make pictures     the pictures on its pages and the outputs of the tutorial, drawn anew
#   make wheel        wheel and source distribution to dist, the wheel tried in an empty environment
#   make attack       10,000 random problems against the certificate, and as many with l1
#   make aot          its programs compiled for GPUs and TPUs that are not there; the compilers are 5 GB, for Linux
#   make experiments  every experiment at a size for two cores; make experiments FULL=--full for accelerators
# Another interpreter: make PYTHON=python3.12 demo

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq

.PHONY: demo test docs pictures wheel attack aot compiled experiments clean
.DELETE_ON_ERROR:

demo: $(VENV)/installed-cli
	$(BIN)/softmax-jax fit iris --out softmax_jax_output/iris
	@echo
	$(BIN)/softmax-jax fit digits --out softmax_jax_output/digits

test: $(VENV)/installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/python -m pytest

docs: $(VENV)/installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "written: build/docs/index.html"

pictures: $(VENV)/installed-dev
	$(BIN)/python tests/pages.py
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace --ExecutePreprocessor.record_timing=False docs/tutorial.ipynb

wheel: $(VENV)/installed-dev
	rm -rf dist
	$(BIN)/python -W error -m build
	rm -rf build/empty
	$(BIN)/python -m venv --without-pip build/empty
	$(BIN)/python -m pip --disable-pip-version-check --python build/empty/bin/python install -q dist/*.whl
	cd build && empty/bin/python -W error ../tests/smoke.py

attack: $(VENV)/installed-test
	$(BIN)/python tests/attacks.py --problems 10000
	$(BIN)/python tests/sparse_attacks.py --problems 10000

aot:
	$(MAKE) VENV=$(VENV)_aot compiled

compiled: $(VENV)/installed-aot
	JAX_PLATFORMS=cpu $(BIN)/python -m pytest -n 0 tests/aot

experiments: $(VENV)/installed-dev
	$(BIN)/python experiments/run_all.py $(FULL)

clean:
	rm -rf $(VENV) $(VENV)_aot softmax_jax_output softmax-jax-fit softmax-jax-probe build dist *.egg-info

# The environment; a python3 without ensurepip (as some Linux systems split it off) gets pip from its own pip.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "softmax_jax needs Python 3.11 or later; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Making $(VENV) and installing; this takes a minute or two."
	$(PYTHON) -c 'import ensurepip' 2>/dev/null && $(PYTHON) -m venv $(VENV) \
	  || { $(PYTHON) -m venv --clear --without-pip $(VENV) \
	       && $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; }

$(VENV)/installed-%: pyproject.toml | $(BIN)/python
	$(PIP) install --editable '.[$*]'
	@touch $@
