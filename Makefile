# What people call. `make demo` and `make test` set up everything they need by themselves.
SHELL := /bin/sh
BIN := .venv/bin
OUT ?= demo-out
# Seconds after which a tier of tests is stopped.
TEST_SECONDS ?= 600
PROOF_SECONDS ?= 3900
# The folder of captures that may not be in this repository (docs/printers.md).
CAPTURES ?=

.PHONY: help setup setup-services demo test proof check format wheel-check lock clean

help:
	@echo "make demo            issue three cards from examples/ into $(OUT)/"
	@echo "make test            the tests of every day (under 10 minutes)"
	@echo "make proof           the long ones: every kill, every cut, fuzzing, scale"
	@echo "make check           formatting, lint, types, import directions, contents of the tree"
	@echo "make wheel-check     build the wheel and use it in an empty folder"
	@echo "make setup           .venv and the Debian packages that a card needs"
	@echo "make setup-services  what only tests need, from Debian and from locked Python packages"
	@echo "make format          write the code as ruff formats it"
	@echo "make lock            write requirements/*.txt anew"
	@echo "make clean           remove what was made, .venv too"

setup:
	@tools/setup.sh

setup-services: setup
	@tools/setup-services.sh

demo: setup
	@$(BIN)/cardfab demo --out $(OUT)

test: setup-services
	@timeout --kill-after=30 $(TEST_SECONDS) $(BIN)/pytest -m "not proof" -n 2 --dist worksteal

proof: setup-services
	@CAPTURES="$(CAPTURES)" timeout --kill-after=30 $(PROOF_SECONDS) $(BIN)/pytest -m proof -n 2 --dist worksteal

check: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy --strict tools/*.py
	$(BIN)/lint-imports
	$(BIN)/python tools/check_tree.py

wheel-check: setup
	@tools/wheel-check.sh

format: setup
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock:
	@tools/lock.sh

clean:
	rm -rf .venv dist build $(OUT) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
