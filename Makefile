# The vocabulary of the project. Everything starts from nothing: Python 3.11+, make and git are all that a machine needs.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
BIN := $(abspath $(VENV))/bin
ROOT := $(CURDIR)
ifneq ($(words $(ROOT)),1)
$(error This folder is "$(ROOT)"; make cannot work where a path has spaces: move the project)
endif

export PYTHONPATH := $(ROOT)
export METAFLOW_DATASTORE_SYSROOT_LOCAL ?= $(ROOT)
# Metaflow takes no run by a user named root.
export METAFLOW_USER ?= $(patsubst root,superuser,$(or $(USER),$(shell id -un)))
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := 1
export ORT_DISABLE_TELEMETRY := 1
export OMP_NUM_THREADS ?= 1
export GIT_PYTHON_REFRESH := quiet
# Without bytecode every step of a flow compiles its imports anew.
unexport PYTHONDONTWRITEBYTECODE

TRAIN := $(BIN)/python flows/train.py --no-pylint
DEPLOY := $(BIN)/python flows/deploy.py --no-pylint run
MONITOR := $(BIN)/python flows/monitor.py --no-pylint
SCORE := $(BIN)/python flows/score.py --no-pylint run

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

# --- environment ---------------------------------------------------------------------------------------------------
$(VENV)/bin/uv: requirements-uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] < (3, 14) else f"Python 3.11, 3.12 or 3.13 is wanted; {sys.version.split()[0]} was found: make PYTHON=python3.12 ...")'
	@echo "Making the environment in $(VENV) (once; a minute or two) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
	@touch $@

$(VENV)/.runtime: requirements.lock | $(VENV)/bin/uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r requirements.lock
	@# The flows find components/ without this Makefile too; an environment that was borrowed stays as it is.
	@[ "$(abspath $(VENV))" != "$(ROOT)/.venv" ] || $(BIN)/python -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "project.pth").write_text("$(ROOT)\n")'
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r requirements-dev.lock
	@touch $@

$(VENV)/.sources: requirements-sources.lock $(VENV)/.runtime
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r requirements-sources.lock
	@touch $@

# DVC brings some ninety packages: they stay out of the environment that trains.
$(VENV)/.dvc: requirements-dvc.lock | $(VENV)/bin/uv
	@$(BIN)/python -m venv --without-pip $(VENV)/dvc
	@$(BIN)/uv pip install --quiet --python $(BIN)/../dvc/bin/python --require-hashes --compile-bytecode -r requirements-dvc.lock
	@touch $@

.PHONY: environment sources lock
environment: $(VENV)/.dev $(VENV)/.dvc ## the environment with the development tools
sources: $(VENV)/.sources $(VENV)/.dvc ## what reads tables from DVC, DuckDB, Delta and PostgreSQL
lock: $(VENV)/bin/uv ## renew the lock files from pyproject.toml
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-header --no-annotate --group dev --all-extras pyproject.toml -o requirements-dev.lock
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-header --no-annotate -c requirements-dev.lock pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-header --no-annotate -c requirements-dev.lock --all-extras pyproject.toml -o requirements-sources.lock
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-header --no-annotate --group dvc -o requirements-dvc.lock
	awk '/^[^ ]/ {kept = /^uv==/} kept' requirements-dev.lock > requirements-uv.lock

# --- the life cycle -------------------------------------------------------------------------------------------------
PORT ?= 8080
ENGINE ?= podman
DEPLOYED := $(or $(ENV),production)

.PHONY: adopt train gate report versions verify approve deploy rollback score serve serve-container monitor forget retrain ledger loop
adopt: $(VENV)/.runtime ## describe a table to the project (DATA=path TARGET=column | TIME= GROUP= KEY= WEIGHT= SENSITIVE=a,b DROP=a,b TASK= EXPLAIN=column | QUERY=sql REVISION=)
	@$(BIN)/python -m components.data.adopt "$(DATA)" "$(TARGET)" --time="$(TIME)" --group="$(GROUP)" --key="$(KEY)" \
	    --weight="$(WEIGHT)" --sensitive="$(SENSITIVE)" --drop="$(DROP)" --task="$(TASK)" --explain="$(EXPLAIN)" \
	    --revision="$(REVISION)" --query="$${QUERY:-}"
train: $(VENV)/.runtime ## train, judge and package a model (FAST=1 | VERSION=data version | CONFIG=file CONTRACT=file)
	@$(TRAIN) $(if $(CONFIG),--config config $(abspath $(CONFIG))) run $(if $(FAST),--fast true) \
	    $(if $(VERSION),--data-version $(VERSION)) $(if $(CONTRACT),--contract $(abspath $(CONTRACT)))
gate: $(VENV)/.runtime ## fails unless the newest run was approved
	@$(BIN)/python -m components.release.gate
report: $(VENV)/.runtime ## where the newest run's report is
	@$(BIN)/python -m components.reporting.latest
versions: $(VENV)/.runtime ## the data versions kept in the store
	@$(BIN)/python -m components.release.usage
verify: $(VENV)/.runtime ## recompute everything in a bundle: BUNDLE=folder
	@$(BIN)/python -m components.release.bundle verify "$(or $(BUNDLE),build/latest/bundle)"
approve: $(VENV)/.runtime ## record that you approve a run's bundle: RUN=TrainFlow/12 REASON="..."
	@$(BIN)/python -m components.release.approval "$${RUN:-}" --reason "$${REASON:-}"
deploy: $(VENV)/.runtime ## try a bundle's server, compare it with the champion, promote it or say why not (ENV=test BUNDLE=id or run REASON="..." | MODE=shadow, split or off SHARE=0.1 STICKY=column)
	@$(DEPLOY) $(if $(ENV),--environment "$(ENV)") $(if $(BUNDLE),--bundle "$(BUNDLE)") \
	    $(if $(MODE),--mode "$(MODE)") $(if $(SHARE),--share "$(SHARE)") $(if $(STICKY),--sticky "$(STICKY)") --reason "$${REASON:-}"
rollback: $(VENV)/.runtime ## return to the champion before: REASON="..." (ENV=)
	@$(DEPLOY) --rollback true --reason "$${REASON:-}" $(if $(ENV),--environment "$(ENV)")
score: $(VENV)/.runtime ## score a table with the champion into store/scores (SOURCE=path or address REVISION= QUERY=sql | VERSION=data version | SINCE= UNTIL= ENV=staging BUNDLE=id or run)
	@$(SCORE) $(if $(SOURCE),--source "$(SOURCE)") $(if $(REVISION),--revision "$(REVISION)") --query "$${QUERY:-}" \
	    $(if $(VERSION),--data-version "$(VERSION)") $(if $(SINCE),--since "$(SINCE)") $(if $(UNTIL),--until "$(UNTIL)") \
	    $(if $(ENV),--environment "$(ENV)") $(if $(BUNDLE),--bundle "$(BUNDLE)")
serve: $(VENV)/.runtime ## answer requests on this machine: what was deployed (ENV=production), or BUNDLE=folder (ENV=test for a rejected one) (PORT=8080)
	@$(BIN)/python $(if $(BUNDLE),-I "$(BUNDLE)/server.pyz" --bundle "$(BUNDLE)" --environment "$(ENV)",-m components.serving --deployment "build/deploy/$(DEPLOYED)") \
	    --port "$(PORT)" --log-folder store/predictions
serve-container: ## build the image of what was deployed (ENV=production) and run it, read-only (PORT=8080, ENGINE=podman)
	@cd "build/deploy/$(DEPLOYED)" && $(ENGINE) build $(if $(findstring podman,$(ENGINE)),--format docker) --tag "served-$(DEPLOYED)" .
	@$(ENGINE) run --rm --read-only --tmpfs /tmp --publish "127.0.0.1:$(PORT):8080" --volume predictions:/var/lib/predictions "served-$(DEPLOYED)"
monitor: $(VENV)/.runtime ## look at what the champion predicted, window by window (LOG=folder LABELS=table SINCE=2026-01-01 UNTIL= WINDOW=day K=2 REFERENCE=table ENV=production CONFIG=file)
	@$(MONITOR) $(if $(CONFIG),--config config $(abspath $(CONFIG))) run $(if $(ENV),--environment "$(ENV)") $(if $(LOG),--log "$(LOG)") \
	    $(if $(LABELS),--labels "$(LABELS)") $(if $(SINCE),--since "$(SINCE)") $(if $(UNTIL),--until "$(UNTIL)") \
	    $(if $(WINDOW),--window "$(WINDOW)") $(if $(K),--k "$(K)") $(if $(REFERENCE),--reference "$(REFERENCE)")
forget: $(VENV)/.runtime ## remove what the log keeps longer than serving.log_days; or erase rows from log and labels: ID=request, or COLUMN=name VALUE=value (LOG=folder)
	@$(BIN)/python -m components.monitoring.forgetting --log "$(LOG)" \
	    $(if $(findstring command,$(origin ID)),--id "$${ID}") $(if $(COLUMN),--column "$${COLUMN}" --value "$${VALUE:-}")
retrain: $(VENV)/.runtime ## answer the newest request of a monitor: train, judge, deploy; or ask yourself (REASON='a sentence' ENV=production)
	@$(BIN)/python -m flows.retrain --environment "$(ENV)" --reason "$${REASON:-}"
ledger: $(VENV)/.runtime ## every decision, whether the chain holds, and MLflow's alias put right
	@$(BIN)/python -m components.release.history

loop: $(VENV)/.runtime ## live through a model's whole life in build/loop: train, serve, traffic, monitor, retrain, A/B, bad batch, bad model, rollback
	@$(BIN)/python -m components.loop --venv "$(abspath $(VENV))"

# --- quality --------------------------------------------------------------------------------------------------------
CODE := $(wildcard components flows tests notebooks benchmarks hooks local_extensions.py)

.PHONY: test lint
test: $(VENV)/.dev $(VENV)/.dvc ## the fast tests
	@$(BIN)/python -m pytest $(wildcard tests/components tests/template) -m "not system" -n auto --dist loadscope
	@$(BIN)/python -m pytest tests/flows -m "not system" -n 2 --dist loadscope
lint: $(VENV)/.dev ## style, types and the direction of imports
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

-include Makefile.template
