"""The processes of a run: who leads, what they agree on, and what becomes of one that does not come.

torch.distributed carries all of it: NCCL between GPUs, gloo between processors.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import distributed as dist

from wgan_cli.distributed.batch_shard import BatchShard, current_shard, set_shard, use_shard
from wgan_cli.errors import AlreadyReported, ExitStatus, WganError, is_out_of_memory

Made = TypeVar("Made")

PATIENCE, PATIENCE_VARIABLE = 300.0, "WGAN_COLLECTIVE_TIMEOUT"  # seconds until who does not come is missed
LONG_WORK = 86_400.0  # seconds that the leader may read data or evaluate while the others wait
ROLL_CALL = 2.0  # seconds to answer


class _Place:
    """Where this process stands: what it waits for, since when, and for how long it will."""

    store: dist.Store | None = None
    patience = PATIENCE
    waits_for = ""
    until = float("inf")


def init(on_hang: Callable[[WganError], None]) -> None:
    """Meet the other processes that torchrun started; process 0 leads.

    Args:
        on_hang: called in a thread of its own where a process has not come for so long; it must end this one.
    Raises: WganError (status FAILED) where they do not all come.
    """
    try:
        store, rank, world_size = next(dist.rendezvous("env://"))
        # torchrun's store outlives the processes: without this, those of a restart would call at addresses of the dead.
        store = dist.PrefixStore(f"wgan/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        dist.init_process_group(
            backend, store=store, rank=rank, world_size=world_size, timeout=timedelta(seconds=LONG_WORK)
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise WganError(
            f"the processes of this run could not meet: {error}",
            "start them with torchrun, all with the same --rdzv-endpoint",
            ExitStatus.FAILED,
        ) from error
    _Place.store = dist.PrefixStore("calls", store)
    _Place.patience = _patience()
    set_shard(replace(current_shard(), index=rank, of=world_size))
    threading.Thread(target=_watch, args=(on_hang,), daemon=True, name="wgan-watchdog").start()


def _patience() -> float:
    said = os.environ.get(PATIENCE_VARIABLE, str(PATIENCE))
    try:
        seconds = float(said)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= LONG_WORK:
        raise WganError(
            f"{PATIENCE_VARIABLE} is {said!r}, which is no number of seconds up to {LONG_WORK:,.0f}",
            f"set it to such a number, or leave it out: {PATIENCE:g}",
        )
    return seconds


def is_main_process() -> bool:
    """Whether this is the process that writes and speaks."""
    return not dist.is_initialized() or dist.get_rank() == 0


def world_size() -> int:
    """The number of processes of the run."""
    return dist.get_world_size() if dist.is_initialized() else 1


def local_device(device: torch.device) -> torch.device:
    """A device of this process's own, where a kind was asked for: the GPU of its number on this machine."""
    if world_size() == 1 or device.type != "cuda":
        return device
    own = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    if own.index >= torch.cuda.device_count():
        raise WganError(
            f"process {dist.get_rank()} needs a GPU of its own, and this machine has {torch.cuda.device_count()}",
            "start at most as many processes on a machine as it has GPUs",
        )
    torch.cuda.set_device(own)
    return own


@contextmanager
def collective(what: str, patience: float | None = None) -> Iterator[None]:
    """Something that all processes do together; who waits in vain says what for, and who did not come.

    Args:
        patience: in seconds; default what WGAN_COLLECTIVE_TIMEOUT says.
    Raises: WganError (status FAILED) where another process ended.
    """
    outer = _Place.waits_for, _Place.until
    if not outer[0]:  # of nested ones the outer has the name
        _Place.waits_for, _Place.until = what, time.monotonic() + (patience or _Place.patience)
    try:
        yield
    except RuntimeError as error:  # gloo has no exception of its own
        if is_out_of_memory(error):
            raise
        raise _missed(what) from error
    finally:
        _Place.waits_for, _Place.until = outer


def broadcast_from_main(what: str, make: Callable[[], Made]) -> Made:
    """Something that the leader makes alone, for all; who runs alone just makes it.

    Raises: what `make` raises, in the leader; EndedElsewhere in the others.
    """
    if world_size() == 1:
        return make()
    box: list[Any] = [None, None]
    try:
        if is_main_process():
            with use_shard(BatchShard()):
                box[0] = make()
    except BaseException as error:
        box[1] = getattr(error, "status", ExitStatus.FAILED)
        raise
    finally:
        _tell(what, box)
    if box[1] is not None:
        raise AlreadyReported(box[1])
    return box[0]


@contextmanager
def main_process_first(what: str) -> Iterator[None]:
    """Something that all do, the leader before the others, so that they find what it left behind."""
    if not is_main_process():
        broadcast_from_main(what, lambda: None)
    failed = True
    try:
        yield
        failed = False
    finally:
        if is_main_process() and world_size() > 1:
            _report(what, failed)


def _report(what: str, failed: bool) -> None:
    box: list[Any] = [None, ExitStatus.FAILED if failed else None]
    _tell(what, box)


def _tell(what: str, box: list[Any]) -> None:
    """Fill the box of each process with what the leader has in its own; only the leader's work may take long."""
    with collective(what, None if is_main_process() else LONG_WORK):
        dist.broadcast_object_list(box, src=0, device=torch.device("cpu"))


def all_reduce_max(what: str, *numbers: int) -> list[int]:
    """The greatest of what each process says, for each number."""
    if world_size() == 1:
        return list(numbers)
    said = torch.tensor(numbers, dtype=torch.int64)
    with collective(what):
        dist.all_reduce(said, dist.ReduceOp.MAX)
    return said.tolist()


def claim_message(text: str) -> bool:
    """Whether no other process has said this yet; one that leaves without a word could hide it."""
    if world_size() == 1 or _Place.store is None:
        return True
    try:
        return _Place.store.add(f"said/{hashlib.sha256(text.encode()).hexdigest()}", 1) == 1
    except RuntimeError:  # the store ended with its process
        return True


def destroy() -> None:
    """Leave the company, where there is one."""
    if dist.is_initialized():
        _Place.store = None
        dist.destroy_process_group()
        set_shard(BatchShard())


def _missed(what: str) -> WganError:
    """The error of a process that others left alone at something."""
    absent = _roll_call(what)
    who = f"process{'es' if len(absent) > 1 else ''} {', '.join(map(str, absent))}" if absent else "another process"
    return WganError(
        f"{who} of {world_size()} did not come to {what}, where the others wait",
        "all up to the last checkpoint is kept: see why it ended, then continue with --resume; with torchrun's "
        "--max-restarts and --resume auto that happens by itself",
        ExitStatus.FAILED,
    )


def _roll_call(what: str) -> list[int]:
    """Processes that do not say within ROLL_CALL seconds that they wait as well."""
    store = _Place.store
    if store is None:
        return []
    key = hashlib.sha256(what.encode()).hexdigest()
    absent = list(range(world_size()))
    try:
        store.set(f"here/{key}/{dist.get_rank()}", "1")
        until = time.monotonic() + ROLL_CALL
        while absent and time.monotonic() < until:
            time.sleep(0.05)
            absent = [rank for rank in absent if not store.check([f"here/{key}/{rank}"])]
    except RuntimeError:  # the store was in a process that ended
        return [0]
    return absent


def _watch(on_hang: Callable[[WganError], None]) -> None:
    """Look once a second whether this process waits for too long."""
    while _Place.store is not None:
        time.sleep(min(1.0, _Place.patience / 4))
        if time.monotonic() > _Place.until:
            on_hang(_missed(_Place.waits_for))
            return
