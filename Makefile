# Needs: make, and Python 3.11 or later with venv and pip. Everything else goes into $(VENV).
#   make demo    cost of the shipped network on the shipped machine, with CSV files to keep
#   make test    every test
#   make lint    style, types and import layers
#   make figure  the picture in the README, drawn anew from a run
#   make tables  tables and pictures of docs/accuracy.md (of RESULTS=, if given, too) and docs/results.md, made anew
#   make hybrid  tables of docs/results.md that compare direct with hybrid encoding, made anew
#   make study   the design spaces of docs/study.md explored (into runs/study, where they are not there), its tables and pictures anew
#   make clean   remove what the others made

VENV ?= .venv
OUT ?= runs/demo
PYTEST_ARGS ?=
RESULTS ?=
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := $(VENV)/bin

.DELETE_ON_ERROR:
.PHONY: demo test lint figure tables hybrid study clean

demo: $(VENV)/plain.stamp
	$(BIN)/pimsim run --model cnn3d_6b.npz --hw pim45nm.yaml --out $(OUT)
	@echo
	@echo "Files to keep:"
	@ls -1 $(OUT)/*.csv $(OUT)/*.json

test: $(VENV)/full.stamp
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile $(PYTEST_ARGS)

lint: $(VENV)/full.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

figure: $(VENV)/full.stamp
	$(BIN)/python benchmarks/figure_energy.py docs/energy.svg

tables: $(VENV)/full.stamp
	$(BIN)/python benchmarks/accuracy.py $(RESULTS)
	$(BIN)/python benchmarks/results.py

hybrid: $(VENV)/full.stamp
	$(BIN)/python benchmarks/hybrid.py

study: $(VENV)/full.stamp
	$(BIN)/python benchmarks/study.py --results runs/study

clean:
	rm -rf $(VENV) runs build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# A stamp is as new as the last install that succeeded; it is redone when what to install has changed.
# Editable: an edited source file needs no new install.
$(VENV)/plain.stamp: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/full.stamp: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[train,verify,explore,dev]'
	@touch $@ $(VENV)/plain.stamp

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or later with venv and ensurepip was found (Debian, Ubuntu: install python3-venv); or name one: make PYTHON=..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV) || { rm -f $@; exit 2; }
