"""The writer: order, bounds and errors of writes in the background, and the same run as without it."""

from __future__ import annotations

import threading
from functools import partial

import pytest
import torch
from conftest import MLP, TINY
from helpers.same_run import assert_same, assert_same_run

from wgan_cli import train
from wgan_cli.errors import ExitStatus, WganError
from wgan_cli.training.recording import writer as module
from wgan_cli.training.recording.writer import MAX_PENDING, Writer

CPU = torch.device("cpu")


class Messages(list):
    """Messages with the thread that received them."""

    def __call__(self, text: str) -> None:
        self.append((text, threading.current_thread()))


@pytest.fixture
def messages() -> Messages:
    return Messages()


@pytest.fixture
def writer(messages, background_writes):
    writer = Writer(CPU, messages)
    yield writer
    writer.close()


@pytest.fixture
def gate(writer):
    """Holds up the writes submitted after the fixture until it is set."""
    opened = threading.Event()
    writer.submit(opened.wait)
    yield opened
    opened.set()


def test_at_once_on_a_cpu(messages):
    writer, done = Writer(CPU, messages), []
    value = torch.zeros(2)
    writer.submit(lambda given: (done.append(given), writer.log("told")), value)
    assert done == [value] and done[0] is value  # without a copy
    assert messages == [("told", threading.current_thread())]
    with pytest.raises(OSError, match="full"):
        writer.submit(partial(raise_error, OSError("full")))


def raise_error(error: Exception) -> None:
    raise error


def test_in_order_in_one_thread(writer, gate):
    done = []
    for number in range(5):
        writer.submit(lambda number: done.append((number, threading.current_thread())), number)
    assert done == []
    gate.set()
    writer.wait()
    assert [number for number, _ in done] == list(range(5))
    assert {thread for _, thread in done} != {threading.current_thread()} and len({thread for _, thread in done}) == 1


def test_content_is_as_submitted(writer, gate):
    weights, seen = torch.ones(3), []
    content = {"weights": weights, "nested": [(weights, 5)]}
    writer.submit(seen.append, content)
    weights.mul_(7)
    content["nested"].clear()
    gate.set()
    writer.wait()
    assert_same(seen, [{"weights": torch.ones(3), "nested": [(torch.ones(3), 5)]}])


def test_messages_arrive_in_the_callers_thread(writer, messages):
    writer.submit(writer.log, "one")
    writer.wait()
    writer.submit(writer.log, "two")
    writer.close()
    assert messages == [("one", threading.current_thread()), ("two", threading.current_thread())]


def test_error_reaches_the_next_call(writer, gate):
    error = WganError("cannot write", "free space on that disk", ExitStatus.FAILED)
    done = []
    writer.submit(partial(raise_error, error))
    writer.submit(done.append, 1)
    gate.set()
    with pytest.raises(WganError) as caught:
        writer.wait()
    assert caught.value is error
    writer.wait()
    assert done == [1], "a failed write doesn't hold up the next one"
    writer.submit(partial(raise_error, error))
    writer._thread.submit(int).result()  # so the write before it has failed
    with pytest.raises(WganError, match="cannot write"):
        writer.submit(done.append, 2)


@pytest.mark.parametrize(("large", "most"), [(True, 1), (False, MAX_PENDING - 1)])  # besides the one at the gate
def test_a_slow_disk_holds_up_the_training(writer, gate, large, most):
    submitted = threading.Semaphore(0)

    def train() -> None:
        for _ in range(most + 1):
            writer.submit(int, large=large)
            submitted.release()

    training = threading.Thread(target=train)
    training.start()
    for _ in range(most):
        assert submitted.acquire(timeout=10)
    assert not submitted.acquire(timeout=0.05)
    gate.set()
    assert submitted.acquire(timeout=10)
    training.join()


def test_close_finishes_what_is_pending(writer, gate):
    done = []
    writer.submit(partial(raise_error, OSError("full")))
    writer.submit(done.append, 1)
    gate.set()
    writer.close()
    assert done == [1]


def test_only_a_gpu_needs_it():
    assert [module.writes_in_background(torch.device(name)) for name in ("cpu", "mps", "cuda:1")] == [
        False,
        False,
        True,
    ]


@pytest.fixture
def same_run(tmp_path, monkeypatch):
    """Train twice, writing at once and in the background, and compare the runs."""

    def compare(train) -> None:
        runs = []
        for background in (False, True):
            monkeypatch.setattr(module, "writes_in_background", lambda device, background=background: background)
            runs.append(train(tmp_path / f"{background}"))
        assert_same_run(*runs)

    return compare


RECIPE = (MLP, "steps=14", "log_every=2", "sample_every=3", "save_every=4", "data.limit=40")


def test_background_writes_the_same_run(trainer, scripted, during_step, same_run):
    """With a rollback and an evaluation."""

    def train(folder):
        diverged = []

        def diverge(step) -> None:
            if not diverged:
                diverged.append(step)
                next(step.networks["critic"].parameters()).data.fill_(torch.nan)

        with during_step(8, diverge):
            return trainer.run(trainer.recipe(*RECIPE, "eval_every=14"), folder, reference=scripted(1.0))

    same_run(train)


@pytest.mark.gpu
def test_gpu_background_writes_the_same_run(same_run):
    settings = [*TINY, *RECIPE, "engine=graph"]

    def run(folder):
        found = train("digits_dcgan", folder, settings=settings, device="cuda")
        assert found.read_recipe().engine == "graph"
        return found

    same_run(run)
