# The two commands of the README. Each works on its own, on a machine with python3 (3.11 or later), pip and make.
#   make demo    the main job on iris and digits
#   make test    linter, type checker, tests
# Another interpreter: make PYTHON=python3.12 demo

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq

.PHONY: demo test clean
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

clean:
	rm -rf $(VENV) softmax_jax_output build dist *.egg-info

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
