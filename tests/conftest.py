"""Shared fixtures: the program in this process and in its own, and a small trained run."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from hypothesis import settings

import wgan_cli
from wgan_cli import console
from wgan_cli.cli import app
from wgan_cli.data import default_data_root, load_images
from wgan_cli.evaluation import evaluate
from wgan_cli.evaluation.evaluate import Reference
from wgan_cli.recipe import Recipe, load_recipe
from wgan_cli.runs.environment import describe_environment
from wgan_cli.runs.run_dir import RunDir, create_run
from wgan_cli.training import setup
from wgan_cli.training.build_state import build_state
from wgan_cli.training.callback import Callback
from wgan_cli.training.loop import training_loop
from wgan_cli.training.recording import recorder, writer
from wgan_cli.training.state import TrainingState
from wgan_cli.training.stop import StopRequest

# Deterministic examples, so that failures are reproducible.
settings.register_profile("wgan", deadline=None, derandomize=True, database=None)
settings.load_profile("wgan")
torch.set_num_threads(1)  # small networks gain nothing from more, and threads wait on a busy machine

TINY = (
    "name=tiny",
    "model.latent_dim=16",
    "model.generator.channels=[8,4]",
    "model.critic.channels=[4,8]",
    "model.critic.dense=[]",
    "objective.gp_weight=10",
    "optim.lr_schedule=none",
    "batch_size=8",
    "ema_decay=0.9",
    "amp=off",
    "log_every=4",
    "sample_every=6",
    "sample_grid=3",
    "save_every=6",
    "eval_every=null",
    "engine=eager",
    "threads=1",
)
#: Faster than TINY's convolutions.
MLP = "model={name: mlp, latent_dim: 16, generator: {widths: [16]}, critic: {widths: [16]}}"
pytest_plugins = ["helpers.fuzzing", "helpers.browser", "helpers.hub_server", "helpers.onnx_stand_in"]
#: Environment variables that change the program's output.
_PERSONAL = ("COLORTERM", "COLUMNS", "FORCE_COLOR", "LINES", "NO_COLOR", "TTY_COMPATIBLE", "WGAN_DEBUG", "WGAN_DATA")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests that need a GPU on machines without one."""
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


def pytest_collection_finish() -> None:
    """Keep torch's million objects out of all garbage collections, as the program does."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000)


@pytest.fixture(autouse=True)
def hidden_gpu(request, monkeypatch) -> None:
    """Hide a GPU from tests without the marker: they expect the CPU's bits."""
    if torch.cuda.is_available() and not request.node.get_closest_marker("gpu"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # of processes
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)  # after a gpu test, the variable changes nothing


@dataclass(frozen=True)
class Result:
    """Exit status and output of a command line."""

    status: int
    stdout: str
    stderr: str

    @property
    def error(self) -> str:
        """Return the text of the single `error:` line."""
        return self._line("error: ")

    @property
    def hint(self) -> str:
        """Return the text of the single `hint:` line."""
        return self._line("hint: ")

    def _line(self, start: str) -> str:
        (found,) = [line for line in self.stderr.splitlines() if line.startswith(start)]
        return found.removeprefix(start)


@pytest.fixture
def wgan(tmp_path, monkeypatch, capsys) -> Callable[..., Result]:
    """Run a command line in this process, in an empty folder: wgan("train", "--quiet")."""
    monkeypatch.chdir(tmp_path)
    for name in _PERSONAL:
        monkeypatch.delenv(name, raising=False)
    console.messages.cache_clear()  # a console asks once whether it is a terminal
    console._data.cache_clear()

    def call(*words: object) -> Result:
        capsys.readouterr()
        status = app.run([str(word) for word in words])
        return Result(status, *capsys.readouterr())

    return call


class Processes:
    """Runs the program as a separate process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[subprocess.Popen] = []

    def start(
        self, *words: object, python: Sequence[str] = ("-m", "wgan_cli"), changes: Mapping[str, str | None] = {},
        shell: str = 'exec "$@"', **options,
    ) -> subprocess.Popen:  # fmt: skip
        """Start `wgan WORDS`; both outputs are pipes unless `options` say otherwise.

        Args:
            changes: environment variables; None removes one.
            shell: what to run instead, with the command line as its arguments.
        """
        package = str(Path(wgan_cli.__file__).parents[1])
        wanted = {"PYTHONPATH": package, "OMP_NUM_THREADS": "1", "TERM": "xterm-256color", **changes}
        environment = {**os.environ, **dict.fromkeys(_PERSONAL), **wanted}
        environment = {name: value for name, value in environment.items() if value is not None}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "encoding": "utf-8"}
        command = ["/bin/sh", "-c", shell, "sh", sys.executable, *python, *map(str, words)]
        process = subprocess.Popen(command, **{"cwd": self.folder, "env": environment, **pipes, **options})
        self.started.append(process)
        return process

    def __call__(self, *words: object, **options) -> Result:
        """Run `wgan WORDS` to its end."""
        process = self.start(*words, **options)
        stdout, stderr = process.communicate(timeout=120)
        return Result(process.returncode, stdout, stderr)

    def close(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate()


@pytest.fixture
def wgan_process(tmp_path) -> Iterator[Processes]:
    """Run a command line as a separate process; slower than `wgan`."""
    processes = Processes(tmp_path)
    yield processes
    processes.close()


@pytest.fixture(scope="session")
def tiny_options() -> tuple[str, ...]:
    """Options of `wgan train` for a run of a second."""
    return tuple(word for setting in TINY for word in ("--set", setting))


class StopAfter(StopRequest):
    """A stop after a number of steps; None means never."""

    def __init__(self, steps: int | None = None) -> None:
        super().__init__()
        self.left = steps

    def due(self) -> bool:
        if self.left is None:
            return False
        self.left -= 1
        return self.left < 0


class Trainer:
    """Training through the library, without a command line."""

    silent = Callback()

    @staticmethod
    def recipe(*changes: str, base: str = "digits_dcgan") -> Recipe:
        """Return a small recipe; later settings override earlier ones."""
        return load_recipe(base, [*TINY, *changes])

    @staticmethod
    def prepared(recipe: Recipe) -> TrainingState:
        """Return a state at step 0 on the CPU."""
        dataset = load_images(recipe.data, default_data_root(), lambda text: None)
        return build_state(recipe, dataset, torch.device("cpu"))

    def run(
        self, recipe: Recipe, folder: Path, stop_after: int | None = None, reference: Reference | None = None
    ) -> RunDir:
        """Train a new run."""
        state = self.prepared(recipe)
        run = create_run(folder, recipe.name)
        run.write_description(state.recipe, describe_environment(state.device, "wgan train"))
        self.go_on(state, run, stop_after, reference)
        return run

    def go_on(
        self, state: TrainingState, run: RunDir, stop_after: int | None = None, reference: Reference | None = None
    ) -> None:
        """Continue training from a state."""
        training_loop(state, run, StopAfter(stop_after), self.silent, reference)


@pytest.fixture(scope="session", autouse=True)
def blank_curves() -> Iterator[None]:
    """Leave the run's curves.png empty: drawing takes longer than the training of a small run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorder, "draw_curves", lambda records, path, title: path.touch())
        yield


@pytest.fixture(scope="session", autouse=True)
def few_training_images() -> Iterator[None]:
    """Compare generators with 500 training images: embedding all digits takes longer than a small run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "MAX_TRAINING", 500)
        patch.setattr(setup, "QUICK_TRAINING", 500)
        yield


@pytest.fixture
def background_writes(monkeypatch) -> None:
    """Write in a thread on the CPU too, as on a GPU."""
    monkeypatch.setattr(writer, "writes_in_background", lambda device: True)


@pytest.fixture(scope="session")
def trainer() -> Trainer:
    return Trainer()


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory, trainer) -> RunDir:
    """A finished run of 12 steps on 28x28x1 digits, with records at 4, 8, 12 and 3x3 grids. Read-only."""
    return trainer.run(trainer.recipe("steps=12"), tmp_path_factory.mktemp("tiny") / "tiny")


@pytest.fixture(scope="session")
def features_root(tmp_path_factory) -> Path:
    """A data root for evaluations on digits, whose classifier is in the package."""
    return tmp_path_factory.mktemp("features")
