# Every target makes the environment it needs: Python 3.11 or newer and make are enough to begin with.
PYTHON ?= python3
VENV   := .venv
LFX    := .venv-lfx
FLOWS  := .cache/starter-flows
SERVER := .venv-langflow
BIN    := $(VENV)/bin
UV     := $(BIN)/uv pip install --quiet
LANGFLOW := 1.13.0

.PHONY: help image drill test test-all endurance fuzz check fix bench bench-more schemas catalogue golden constraints clean
help:
	@echo "make drill      a whole drill with real LangFlow, on a Kubernetes of its own: no cluster needed"
	@echo "make test       unit tests, and all tests that need no cluster (a few minutes)"
	@echo "make test-all   every test this machine can run: Kubernetes and a registry too, where they are to be had"
	@echo "make endurance  what takes hours: every scenario, a hundred kills, the embedded cluster's tests on the real one"
	@echo "make fuzz       ten thousand examples of every fuzz test (about an hour)"
	@echo "make check      ruff, mypy --strict, import-linter"
	@echo "make bench      the benchmarks, side by side with their peers (a quarter of an hour)"
	@echo "make fix        let ruff mend and format"

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12 …" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(UV) --python $(BIN)/python --constraint constraints.txt --editable . --group check
	@touch $@

# LangFlow's runtime pins more than a hundred packages: it gets an environment of its own. What LangFlow's Language Model
# component asks an OpenAI-compatible model with (langchain-openai, 24 MB) is not part of it.
$(LFX)/.ready: constraints-lfx.txt $(VENV)/.ready
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(LFX)
	$(UV) --python $(LFX)/bin/python --constraint constraints-lfx.txt lfx langchain-openai
	@touch $@

# The starter flows come with the full server: its package alone (55 MB) has them, without the 1.2 GB it would need to run.
$(FLOWS)/.ready: Makefile $(VENV)/.ready
	$(UV) --python $(BIN)/python --no-deps --target $(FLOWS) langflow-base==$(LANGFLOW)
	@touch $@

# The full server, for what it alone has: a database.
$(SERVER)/.ready: constraints-langflow.txt $(VENV)/.ready
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(SERVER)
	$(UV) --python $(SERVER)/bin/python --constraint constraints-langflow.txt langflow-base
	@touch $@

# What benchmarks compare with.
$(VENV)/.peers: $(VENV)/.ready
	$(UV) --python $(BIN)/python --constraint constraints.txt --group bench
	@touch $@

drill: $(VENV)/.ready $(LFX)/.ready
	FLOWDRILL_LFX_PYTHON=$(CURDIR)/$(LFX)/bin/python $(BIN)/flowdrill run drills/edge-missing.yaml

# Two at a time: half of the time they wait. A file's tests share clusters and ports, and stay together; those that take
# longest come first.
test: $(VENV)/.ready $(LFX)/.ready
	FLOWDRILL_LFX_PYTHON=$(CURDIR)/$(LFX)/bin/python $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder \
		-m "not kubernetes and not registry and not prometheus and not catalogue and not slow and not alone and not drills and not benchmarks and not endurance"

# What every Kubernetes must do is waiting for kubelets: three at a time, each in a namespace of its own. Then small drills that are
# killed and disturbed, and every benchmark for a moment, two at a time. Then, one after the other, what keeps the processors busy and minds when it comes late: drills with LangFlow.
test-all: $(VENV)/.peers $(LFX)/.ready $(FLOWS)/.ready $(SERVER)/.ready
	FLOWDRILL_LFX_PYTHON=$(CURDIR)/$(LFX)/bin/python FLOWDRILL_LANGFLOW_PYTHON=$(CURDIR)/$(SERVER)/bin/python \
		tests/with-test-kit sh -ec ' \
		$(BIN)/pytest -n 3 --dist worksteal -m "kubernetes and not endurance" tests/contract; \
		$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m "(drills or benchmarks) and not kubernetes and not endurance"; \
		$(BIN)/pytest --ignore tests/contract -m "(kubernetes or registry or prometheus or catalogue or slow or alone) and not endurance"'

# What is too much for every change. One part after the other, and all of them: what fails in one says nothing of the next.
endurance: $(VENV)/.ready $(LFX)/.ready $(FLOWS)/.ready $(SERVER)/.ready
	FLOWDRILL_LFX_PYTHON=$(CURDIR)/$(LFX)/bin/python FLOWDRILL_LANGFLOW_PYTHON=$(CURDIR)/$(SERVER)/bin/python \
		tests/with-test-kit sh -c ' \
		failed=0; \
		$(BIN)/pytest -n 3 --dist worksteal -m "kubernetes and endurance" tests/contract || failed=1; \
		$(BIN)/pytest -m endurance tests/real/kill || failed=1; \
		$(BIN)/pytest --ignore tests/real/kill -m endurance tests/real || failed=1; \
		exit $$failed'

# Whatever bytes others send: ten thousand examples of each test, about an hour.
fuzz: $(VENV)/.ready
	HYPOTHESIS_PROFILE=slow $(BIN)/pytest -n 2 --timeout 7200 tests/fuzz

# flowdrill's own image, without a daemon: make image BASE=registry/python:3.13 TO=registry/flowdrill:0.1.0 [PLAIN_HTTP=1]
image: $(VENV)/.ready
	$(BIN)/python .ci/build-image $(BASE) $(TO) $(if $(PLAIN_HTTP),--plain-http)

check: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(VENV)/.ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Side by side with their peers, those that are installed: docs/benchmarks.md. `make bench-more`: also what has no peer.
bench bench-more: $(VENV)/.peers $(LFX)/.ready
	FLOWDRILL_LFX_PYTHON=$(CURDIR)/$(LFX)/bin/python $(BIN)/python benchmarks $(if $(filter bench-more,$@),--more)

schemas: $(VENV)/.ready
	for name in drill scenario suite result preflight plan advisories controls replay repeats compare gate fleet evidence; do $(BIN)/flowdrill schema $$name > schemas/$$name.v1.json; done

catalogue: $(VENV)/.ready
	$(BIN)/flowdrill scenario list --markdown > docs/scenarios.md

golden: $(VENV)/.ready
	for run in tests/golden/*/ reports/sample-*/; do $(BIN)/flowdrill report $$run; done
	$(BIN)/python -m tests.unit.report.sample_site

constraints: $(VENV)/.ready
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --group check --group bench pyproject.toml -o constraints.txt
	printf 'lfx==$(LANGFLOW)\nlangchain-openai\n' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate - -o constraints-lfx.txt
	echo langflow-base==$(LANGFLOW) | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate - -o constraints-langflow.txt

clean:
	rm -rf $(VENV) $(LFX) $(SERVER) $(FLOWS) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
