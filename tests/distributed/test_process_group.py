"""The process group: time limits, missing ranks and each process's GPU, without other processes."""

from __future__ import annotations

import time

import pytest
import torch

from wgan_cli.distributed import process_group
from wgan_cli.errors import WganError


def test_watchdog_names_the_missing_rank(monkeypatch):
    """Ranks 0 and 2 of 3 wait in a collective."""
    store, reported = torch.distributed.HashStore(), []
    store.set("waiting/the checkpoint/2", "1")
    monkeypatch.setattr(process_group._Waiting, "store", store)
    monkeypatch.setattr(process_group._Waiting, "timeout", 0.1)
    monkeypatch.setattr(process_group, "ROLL_CALL", 0.1)
    monkeypatch.setattr(process_group, "world_size", lambda: 3)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 0)
    with process_group.collective("the checkpoint"):
        process_group._watch(reported.append)
    (error,) = reported
    assert error.message == "rank 1 of 3 did not reach: the checkpoint" and "--resume" in error.hint
    assert process_group._Waiting.collective == ""


@pytest.mark.parametrize("value", ["soon", "0", "1e9"])
def test_invalid_timeout(monkeypatch, value):
    monkeypatch.setenv("WGAN_COLLECTIVE_TIMEOUT", value)
    with pytest.raises(WganError, match=f"WGAN_COLLECTIVE_TIMEOUT is '{value}'"):
        process_group._timeout()


@pytest.mark.parametrize("main", [True, False])
def test_ranks_wait_long_for_the_main_process(monkeypatch, main):
    left = []
    monkeypatch.setattr(process_group, "is_main_process", lambda: main)
    monkeypatch.setattr(
        torch.distributed,
        "broadcast_object_list",
        lambda *_, **options: left.append(process_group._Waiting.deadline - time.monotonic()),
    )
    process_group._broadcast("the data", [None, None])
    assert (left[0] > process_group.TIMEOUT) == (not main)


def test_each_process_has_its_own_gpu(monkeypatch):
    made_current: list[torch.device] = []
    monkeypatch.setattr(process_group, "world_size", lambda: 2)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    monkeypatch.setattr(torch.cuda, "set_device", made_current.append)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert process_group.local_device(torch.device("cpu")) == torch.device("cpu")
    assert process_group.local_device(torch.device("cuda")) == torch.device("cuda", 1)
    assert made_current == [torch.device("cuda", 1)]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(WganError, match="rank 1 needs its own GPU, and this machine has 1"):
        process_group.local_device(torch.device("cuda"))
    monkeypatch.setattr(process_group, "world_size", lambda: 1)
    assert process_group.local_device(torch.device("cuda")) == torch.device("cuda")
