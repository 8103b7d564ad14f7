# make up       the service with all it needs, on http://127.0.0.1:8000
# make install  everything that `make test` and `make lint` need, too
# make test     the tests; ARGS="-k name" passes options to pytest
# make lint     format, lint, types, import rules
# make requirements CPU_WHEELS=...   .ci/requirements/*.txt, the hashed lists that the images install; CPU_WHEELS is where the CPU
#               build of torch is found, a folder or an address, since PyPI has the one for CUDA
# make sbom     a bill of materials of what is installed, sbom.json
# make licences docs/licences.md, the licences of what the images hold
# make audit    ask the advisory database of Python about each package; it fails where the database cannot be asked
# make bench    speed of the running parts, printed beside this machine's limits

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
AUDIT := .venv-audit/bin
COMPILE := $(AUDIT)/uv pip compile --quiet --constraint constraints.txt --generate-hashes --only-binary :all: --no-annotate --no-emit-index-url \
	--custom-compile-command "make requirements" --python-version 3.11 --python-platform linux
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: up install test lint format bench requirements sbom licences audit clean

up: install
	$(BIN)/likeness up $(ARGS)

install: .venv/ready-to-test

test: install
	$(BIN)/python -m pytest $(ARGS)

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: install
	$(BIN)/python benchmarks/serve.py $(ARGS)

requirements: .venv-audit/ready
	@[ -n "$(CPU_WHEELS)" ] || { echo "Say where the CPU build of torch is: CPU_WHEELS=FOLDER or ADDRESS."; exit 1; }
	$(COMPILE) --extra video --extra marks --extra tracing pyproject.toml --output-file .ci/requirements/api.txt
	$(COMPILE) --extra worker --extra train --extra video --extra marks --extra tracing pyproject.toml \
		--output-file .ci/requirements/worker.txt
	sed -n 's/^torch==.*/&+cpu/p' constraints.txt | $(COMPILE) --find-links $(CPU_WHEELS) --override - \
		--extra worker --extra train --extra video --extra marks --extra tracing pyproject.toml \
		--output-file .ci/requirements/worker-cpu.txt
	$(COMPILE) --group build --output-file .ci/requirements/build.txt

sbom: install .venv-audit/ready
	$(AUDIT)/cyclonedx-py environment --output-reproducible --output-format JSON --output-file sbom.json $(BIN)/python

licences: install .venv-audit/ready
	@{ echo '# Licences'; echo; \
		echo 'What the images hold besides Likeness itself; `make licences` writes this page. With torch for CUDA come libraries'; \
		echo 'under the licences of NVIDIA, which are not listed here. NOTICE names what is copied into the repository.'; echo; \
		$(AUDIT)/pip-licenses --python $(BIN)/python --with-system --from mixed --order license --format markdown --packages \
			$$(sed -n 's/^\([a-z0-9-]*\)==.*/\1/p' .ci/requirements/worker-cpu.txt); } >docs/licences.md

audit: .venv-audit/ready
	$(AUDIT)/pip-audit --strict --requirement constraints.txt --disable-pip --no-deps

clean:
	rm -rf .venv .venv-audit sbom.json .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

.venv/bin/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
		|| { echo "Likeness needs Python 3.11; name one with PYTHON=/path/to/python3.11."; exit 1; }
	"$(PYTHON)" -m venv .venv

# The stamps are newer than what they depend on, so that a second `make up` installs nothing.
.venv/ready-to-run: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing the service into .venv ..."
	$(PIP) --editable '.[worker,train,embedded,video,marks]'
	@touch $@

.venv/ready-to-test: .venv/ready-to-run
	@echo "Installing the test tools into .venv ..."
	$(PIP) --editable '.[worker,train,embedded,video,marks,tracing,test,dev]'
	@touch $@

# The tools that look at an environment are not part of it.
.venv-audit/ready:
	"$(PYTHON)" -m venv .venv-audit
	.venv-audit/bin/python -m pip --disable-pip-version-check install --quiet cyclonedx-bom==7.* pip-licenses==5.* pip-audit==2.* uv==0.13.*
	@touch $@
