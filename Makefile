# Two commands: `make demo` shows the platform at work, `make test` proves it.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
HELM := $(VENV)/helm/.ready
HELM_WHEEL := helm_sdkpy-0.1.32-py3-none-any.whl
HELM_SHA256 := bcf5bf73cacc373bebedfb9c988969aa12a9eda86a140deba658fbf28eb789c5
NODE := $(VENV)/node/.ready
ALONE := $(VENV)/alone/.ready
CLOUDS := $(VENV)/clouds/.ready
BESIDE := $(VENV)/openai1/.ready $(VENV)/openai2/.ready $(VENV)/litellm/.ready
export HF_HUB_OFFLINE := 1
export DO_NOT_TRACK := 1
export RAY_USAGE_STATS_ENABLED := 0

.PHONY: demo test lint bench serve describe clean
.DELETE_ON_ERROR:

demo: $(READY)
	$(BIN)/tunewarden demo $(ARGS)

serve: $(READY)
	$(BIN)/tunewarden serve $(ARGS)

# In two processes of one thread each; tests/conftest.py says which test goes where. ARGS=-n0 is one process.
test: export OMP_NUM_THREADS := 1
test: $(READY) $(HELM) $(NODE) $(ALONE) $(CLOUDS) $(BESIDE)
	$(BIN)/pytest --numprocesses=2 $(ARGS)
	$(VENV)/clouds/bin/python -m pytest tests/drivers/test_master_keys.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)
	$(BIN)/pytest tests -m bench $(ARGS)

# The interface description anew, from the routes. A change that breaks programs is told, and written all the same.
describe: $(READY)
	$(BIN)/python -m tunewarden.entry.api docs/openapi.json

clean:
	rm -rf $(VENV)

# torch first and alone: any other order lets another package pull gigabytes of accelerator libraries.
$(READY): pyproject.toml audit/pyproject.toml constraints.txt
	@echo "Installing the pinned dependencies into $(VENV); this takes a few minutes, once."
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/pip install --quiet --disable-pip-version-check --editable ./audit --editable '.[dev]'
	touch $(READY)

# Helm 4 as a library; its metadata asks for Python 3.12, so it is unpacked beside the environment, not installed.
$(HELM): | $(READY)
	rm -rf $(VENV)/helm
	$(BIN)/pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.12 \
		--implementation py --abi none --platform any --dest $(VENV)/helm helm-sdkpy==0.1.32
	cd $(VENV)/helm && echo '$(HELM_SHA256)  $(HELM_WHEEL)' | sha256sum --check --quiet
	$(BIN)/python -m zipfile -e $(VENV)/helm/$(HELM_WHEEL) $(VENV)/helm
	rm $(VENV)/helm/$(HELM_WHEEL)
	touch $(HELM)

# The auditor's tool alone, with nothing beside it but what it asks for; on the oldest Python it runs on, where that is there.
$(ALONE): audit/pyproject.toml $(shell find audit/tunewarden_audit -name '*.py') | $(READY)
	rm -rf $(VENV)/alone
	$(shell python3.10 -c '' 2>/dev/null && echo python3.10 || echo $(PYTHON)) -m venv $(VENV)/alone
	$(VENV)/alone/bin/pip install --quiet --disable-pip-version-check ./audit "$$(grep '^cryptography==' constraints.txt)"
	touch $(ALONE)

# The clients of two key-management services, beside the pinned environment; only the tests of those services see them.
$(CLOUDS): tests/drivers/clouds.txt $(READY)
	rm -rf $(VENV)/clouds
	$(BIN)/python -m venv $(VENV)/clouds
	$(VENV)/clouds/bin/pip install --quiet --disable-pip-version-check --no-deps --requirement tests/drivers/clouds.txt
	echo "import site; site.addsitedir('$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')')" \
		> "$$($(VENV)/clouds/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/beside.pth"
	touch $(CLOUDS)

# Older clients of the OpenAI API, and a proxy before it, each beside the pinned environment, whose client is the newest.
$(BESIDE): $(VENV)/%/.ready: tests/entry/api/%.txt $(READY)
	rm -rf $(@D)
	$(BIN)/python -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --no-deps --requirement $<
	echo "import site; site.addsitedir('$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')')" \
		> "$$($(@D)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/beside.pth"
	touch $@

# A verifier, a judge of pages and an identity provider that no one here wrote. Where npm or its registry is not reached,
# the tests that ask them say so and skip.
$(NODE): tests/foreign/node/package-lock.json | $(READY)
	rm -rf $(VENV)/node
	mkdir $(VENV)/node
	cp tests/foreign/node/package.json tests/foreign/node/package-lock.json $(VENV)/node
	-cd $(VENV)/node && npm ci --ignore-scripts --no-audit --no-fund --silent --fetch-retries=0 && touch .ready
