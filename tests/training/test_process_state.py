"""`wgan_cli.train` leaves the settings of the calling process as they were, however it ends."""

from __future__ import annotations

import gc
import logging
import os
import signal
import warnings
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from conftest import TINY

from wgan_cli import Callback, train
from wgan_cli.distributed.batch_shard import BatchShard, current_shard, set_shard
from wgan_cli.training.process_state import SILENCED_LOGGERS, restored_process_state


def process_state() -> dict[str, Any]:
    mkldnn = getattr(torch.backends.mkldnn, "matmul", None)  # since torch 2.9
    return {
        "threads": torch.get_num_threads(),
        "rng": torch.get_rng_state().tolist(),
        "deterministic": (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ),
        "tf32": (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32),
        "mkldnn": mkldnn and mkldnn.fp32_precision,
        "warnings": (list(warnings.filters), warnings.showwarning),
        "loggers": {name: logging.getLogger(name).level for name in SILENCED_LOGGERS},
        "environment": dict(os.environ),
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "shard": current_shard(),
        "gc": gc.get_threshold(),
    }


class Meddling(Callback):
    """Changes everything that training on some device or with some setting changes, then ends the run."""

    def __init__(self, end: str) -> None:
        self.end, self.threads = end, 0

    def on_step(self, step, networks):
        self.threads = torch.get_num_threads()
        torch.use_deterministic_algorithms(True, warn_only=True)
        warnings.filterwarnings("ignore", module="nothing")
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":16:8"
        os.environ.pop("WGAN_TEST_VARIABLE")
        set_shard(BatchShard(sync_batch_norm=False))
        for name in SILENCED_LOGGERS:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        if self.end == "error":
            raise RuntimeError(step)
        if self.end == "interrupt":
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize(("end", "raised"), [("done", None), ("error", RuntimeError), ("interrupt", KeyboardInterrupt)])
def test_process_state_is_restored(tmp_path, monkeypatch, end, raised):
    monkeypatch.setenv("WGAN_TEST_VARIABLE", "kept")
    callback, before = Meddling(end), process_state()
    settings = [*TINY, "threads=2", "steps=1"]
    with pytest.raises(raised) if raised else nullcontext():
        train("digits_dcgan", tmp_path / "run", settings=settings, callbacks=[callback], device="cpu")
    assert callback.threads == 2 != before["threads"]
    assert process_state() == before


def test_random_state_of_mps_is_restored(monkeypatch):
    state = ["before"]
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.mps, "get_rng_state", lambda: state[0])
    monkeypatch.setattr(torch.mps, "set_rng_state", lambda new: state.__setitem__(0, new))
    with restored_process_state():
        state[0] = "trained"
    assert state == ["before"]
