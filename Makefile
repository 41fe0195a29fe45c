# Two commands: `make demo` shows the platform at work, `make test` proves it.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export HF_HUB_OFFLINE := 1
export DO_NOT_TRACK := 1
export RAY_USAGE_STATS_ENABLED := 0

.PHONY: demo test lint bench serve clean
.DELETE_ON_ERROR:

demo: $(READY)
	$(BIN)/tunewarden demo $(ARGS)

serve: $(READY)
	$(BIN)/tunewarden serve $(ARGS)

test: $(READY)
	$(BIN)/pytest $(ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)
	$(BIN)/pytest tests/bench -m bench $(ARGS)

clean:
	rm -rf $(VENV)

# torch first and alone: any other order lets another package pull gigabytes of accelerator libraries.
$(READY): pyproject.toml audit/pyproject.toml constraints.txt
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/pip install --quiet --disable-pip-version-check --editable ./audit --editable '.[dev]'
	touch $(READY)
