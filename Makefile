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

# Made once, and again when the dependencies change. torch and torchvision go together, so that their versions fit.
$(BIN)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "error: $(PYTHON) is older than Python 3.10"; echo "hint: make PYTHON=python3.12"; exit 2; }
	@echo "installing torch and the rest into $(VENV): a minute or two, without a word"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(BIN)/.installed
	@mkdir -p $(DEMO) && rm -rf $(DEMO)/runs/digits_dcgan  # what others trained there stays
	cd $(DEMO) && ../$(BIN)/wgan train
	cd $(DEMO) && ../$(BIN)/wgan sample --ckpt runs/digits_dcgan -n 64
	cd $(DEMO) && ../$(BIN)/wgan gif runs/digits_dcgan --scale 2
	@echo
	@echo "The pictures: $(DEMO)/samples.png and $(DEMO)/digits_dcgan.gif"
	@echo "To go on:     . $(BIN)/activate; cd $(DEMO); wgan inspect runs/digits_dcgan"

# In as many processes as there are cores; tests of one file stay together, since they share what they trained.
test: $(BIN)/.installed
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 --dist loadfile $(PYTEST_ARGS)

# Only the slow tests: many kills, long runs, all hostile files.
soak: $(BIN)/.installed
	$(BIN)/python -m pytest -m slow $(PYTEST_ARGS)

# Over 20,000 random cases, different ones each time.
fuzz: $(BIN)/.installed
	WGAN_FUZZ=1 $(BIN)/python -m pytest -m "slow or not slow" tests/fuzz $(PYTEST_ARGS)

# The figures in docs come from whole runs on an idle machine: make bench, then python benchmarks/pages.py.
bench: $(BIN)/.installed
	$(BIN)/python benchmarks/train_speed.py $(if $(DATA_ROOT),--data-root $(DATA_ROOT)) $(BENCH_ARGS)
	$(BIN)/python benchmarks/step_anatomy.py $(BENCH_ARGS)
	$(BIN)/python benchmarks/startup.py $(BENCH_ARGS)
	$(BIN)/python benchmarks/scaling.py $(BENCH_ARGS)
	$(if $(DATA_ROOT),$(BIN)/python benchmarks/feeds.py --data-root $(DATA_ROOT) $(BENCH_ARGS))

# Everything that a GPU should be checked for, in two runs of seven minutes; see benchmarks/gpu_check.sh.
gpu-check: $(BIN)/.installed
	PYTHON=$(abspath $(BIN)/python) bash benchmarks/gpu_check.sh prepare

lint: $(BIN)/.installed
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

clean:
	rm -rf $(VENV) $(DEMO) build dist
