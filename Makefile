# make demo: train the default recipe, sample and animate it.   make test: the tests.   make soak: the slow tests.
# make fuzz: thousands of generated test cases.
# make bench: the benchmarks, in a quarter of an hour; DATA_ROOT=... for real data, BENCH_ARGS=--quick for a quick look,
# BENCH_ARGS='--device cuda' for a GPU.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DATA_ROOT ?=
BENCH_ARGS ?=
DEMO := demo

.PHONY: demo test soak fuzz bench gpu-check lint clean
.DEFAULT_GOAL := demo

# Made once, and again when dependencies change. torch and torchvision are installed together, so that versions fit.
$(BIN)/.installed: pyproject.toml
	@command -v $(PYTHON) >/dev/null || \
		{ echo "error: there is no command $(PYTHON)"; echo "hint: make PYTHON=python3.12"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "error: $(PYTHON) is older than Python 3.10"; echo "hint: make PYTHON=python3.12"; exit 2; }
	@echo "installing torch and the other dependencies into $(VENV): one or two minutes without output"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(BIN)/.installed
	@mkdir -p $(DEMO) && rm -rf $(DEMO)/runs/digits_dcgan  # other runs stay
	cd $(DEMO) && "$(abspath $(BIN))/wgan" train
	cd $(DEMO) && "$(abspath $(BIN))/wgan" sample --ckpt runs/digits_dcgan -n 64 --force  # a new picture of the new run
	cd $(DEMO) && "$(abspath $(BIN))/wgan" gif runs/digits_dcgan --scale 2
	@echo
	@echo "Pictures:  $(DEMO)/samples.png and $(DEMO)/runs/digits_dcgan/digits_dcgan.gif"
	@echo "Continue:  . $(BIN)/activate; cd $(DEMO); wgan inspect runs/digits_dcgan"

# One process per core; tests of a file stay together, because they share trained runs. Files start in their order, not
# those with most tests first: the longest have few.
test: $(BIN)/.installed
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

# Only the slow tests: many kills, long runs, all hostile files.
soak: $(BIN)/.installed
	$(BIN)/python -m pytest -m slow $(PYTEST_ARGS)

# Over 20,000 random cases, different ones each time.
fuzz: $(BIN)/.installed
	WGAN_FUZZ=1 $(BIN)/python -m pytest -m "slow or not slow" tests/fuzz $(PYTEST_ARGS)

# The figures in docs are from complete runs on an idle machine: make bench, then python benchmarks/pages.py.
bench: $(BIN)/.installed
	$(BIN)/python benchmarks/train_speed.py $(if $(DATA_ROOT),--data-root $(DATA_ROOT)) $(BENCH_ARGS)
	$(BIN)/python benchmarks/step_anatomy.py $(BENCH_ARGS)
	$(BIN)/python benchmarks/startup.py $(BENCH_ARGS)
	$(BIN)/python benchmarks/scaling.py $(BENCH_ARGS)
	$(BIN)/python benchmarks/busy_machine.py $(filter --quick,$(BENCH_ARGS))
	$(if $(DATA_ROOT),$(BIN)/python benchmarks/feeds.py --data-root $(DATA_ROOT) $(BENCH_ARGS))

# Everything that a GPU should be checked for, in two runs of seven minutes; see benchmarks/gpu_check.sh.
gpu-check: $(BIN)/.installed
	PYTHON=$(abspath $(BIN)/python) bash benchmarks/gpu_check.sh prepare

lint: $(BIN)/.installed
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/pyright --pythonpath $(BIN)/python

clean:
	rm -rf $(VENV) $(DEMO) build dist
