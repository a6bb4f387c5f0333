"""Process group of a distributed run: main process, broadcast, reduction and detection of missing ranks.

Built on torch.distributed, with NCCL between GPUs and gloo between CPUs. Without a process group, every function
acts as in a group of one process.
"""

# torch.distributed re-exports its public names without declaring them.
# pyright: reportPrivateImportUsage=false

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

import torch
import torch.distributed as dist

from wgan_cli.distributed.batch_shard import BatchShard, current_shard, set_shard, use_shard
from wgan_cli.errors import AlreadyReported, ExitStatus, WganError, is_out_of_memory

P = ParamSpec("P")
T = TypeVar("T")

TIMEOUT, TIMEOUT_VARIABLE = 300.0, "WGAN_COLLECTIVE_TIMEOUT"  # seconds until a missing rank is an error
MAIN_PROCESS_TIMEOUT = 86_400.0  # the same while the main process reads data, evaluates or writes
ROLL_CALL = 2.0  # seconds for the other ranks to report that they are waiting too


class _Waiting:
    """The collective that this process waits in; the watchdog thread reads it."""

    store: dist.Store | None = None
    timeout = TIMEOUT
    collective = ""
    deadline = float("inf")


def init(on_hang: Callable[[WganError], None]) -> None:
    """Join the process group that torchrun describes in the environment.

    Args:
        on_hang: called from the watchdog thread if a rank doesn't reach a collective in time; must end this process.
    Raises: WganError (status FAILED) if the ranks cannot connect.
    """
    try:
        store, rank, size = next(dist.rendezvous("env://"))
        # torchrun's store survives a restart; the prefix keeps new ranks from connecting to the addresses of dead ones.
        store = dist.PrefixStore(f"wgan/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        longest = timedelta(seconds=MAIN_PROCESS_TIMEOUT)
        dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=longest)
    except (RuntimeError, ValueError, OSError) as error:
        raise WganError(
            f"cannot connect the processes of this run: {error}",
            "start them with torchrun, all with the same --rdzv-endpoint",
            ExitStatus.FAILED,
        ) from error
    _Waiting.store = dist.PrefixStore("calls", store)
    _Waiting.timeout = _timeout()
    set_shard(replace(current_shard(), index=rank, count=size))
    threading.Thread(target=_watch, args=(on_hang,), daemon=True, name="wgan-watchdog").start()


def _timeout() -> float:
    value = os.environ.get(TIMEOUT_VARIABLE, str(TIMEOUT))
    with suppress(ValueError):
        if 0 < float(value) <= MAIN_PROCESS_TIMEOUT:
            return float(value)
    raise WganError(
        f"{TIMEOUT_VARIABLE} is {value!r}; it must be a number of seconds up to {MAIN_PROCESS_TIMEOUT:,.0f}",
        f"unset it to use the default, {TIMEOUT:g} seconds",
    )


def destroy() -> None:
    """Leave the process group, if there is one."""
    if dist.is_initialized():
        _Waiting.store = None
        dist.destroy_process_group()
        set_shard(BatchShard())


def is_main_process() -> bool:
    """Return True in the process that writes and logs: rank 0, or a process without a group."""
    return not dist.is_initialized() or dist.get_rank() == 0


def world_size() -> int:
    """Return the number of processes of the run."""
    return dist.get_world_size() if dist.is_initialized() else 1


def local_device(device: torch.device) -> torch.device:
    """Return this process's own GPU if `device` is CUDA and there are several processes, else `device`."""
    if world_size() == 1 or device.type != "cuda":
        return device
    local = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    if local.index >= torch.cuda.device_count():
        raise WganError(
            f"rank {dist.get_rank()} needs its own GPU, and this machine has {torch.cuda.device_count()}",
            "start at most one process per GPU",
        )
    torch.cuda.set_device(local)
    return local


@contextmanager
def collective(name: str, timeout: float | None = None) -> Iterator[None]:
    """Run a collective; if a rank doesn't take part in time, report the collective's name and the missing ranks.

    Raises: WganError (status FAILED) if another process ended.
    """
    with in_time(name, timeout):
        try:
            yield
        except RuntimeError as error:  # gloo has no exception of its own
            if is_out_of_memory(error):
                raise
            raise _missing_rank(name) from error


@contextmanager
def in_time(name: str, timeout: float | None = None) -> Iterator[None]:
    """Run a block that waits for other ranks; if it takes too long, report its name and the missing ranks.

    NCCL only queues a collective on the GPU, so a missing rank holds up what later waits for the GPU.
    """
    outer = _Waiting.collective, _Waiting.deadline
    if not _Waiting.collective:  # nested blocks count as the outer one
        _Waiting.collective, _Waiting.deadline = name, time.monotonic() + (timeout or _Waiting.timeout)
    try:
        yield
    finally:
        _Waiting.collective, _Waiting.deadline = outer


def broadcast_from_main(name: str, make: Callable[[], T]) -> T:
    """Call `make` in the main process while the other ranks wait, and return its result on every rank.

    Raises: AlreadyReported on the other ranks, if `make` raised in the main process.
    """
    if world_size() == 1:
        return make()
    message: list[Any] = [None, None]  # the result, the exit status of a failure
    try:
        if is_main_process():
            with use_shard(BatchShard()):  # no collective may start in `make`: the other ranks don't take part
                message[0] = make()
    except BaseException as error:
        message[1] = getattr(error, "status", ExitStatus.FAILED)
        raise
    finally:
        _broadcast(name, message)
    if message[1] is not None:
        raise AlreadyReported(message[1])
    return message[0]


def on_main_process(name: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Decorate a function so that `broadcast_from_main` runs it: once, with the same result on every rank."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            return broadcast_from_main(name, partial(function, *args, **kwargs))

        return call

    return decorate


@contextmanager
def main_process_first(name: str) -> Iterator[None]:
    """Run the block in the main process first, so that the other ranks find the files that it caches."""
    if not is_main_process():
        broadcast_from_main(name, lambda: None)
    message: list[Any] = [None, None]  # as in `broadcast_from_main`
    try:
        yield
    except BaseException as error:
        message[1] = getattr(error, "status", ExitStatus.FAILED)
        raise
    finally:
        if is_main_process() and world_size() > 1:
            _broadcast(name, message)


def _broadcast(name: str, message: list[Any]) -> None:
    """Overwrite `message` on every rank with the main process's."""
    with collective(name, None if is_main_process() else MAIN_PROCESS_TIMEOUT):
        dist.broadcast_object_list(message, src=0, device=torch.device("cpu"))


def all_reduce_max(name: str, *numbers: int) -> list[int]:
    """Return the maximum of each number over all ranks."""
    if world_size() == 1:
        return list(numbers)
    maxima = torch.tensor(numbers, dtype=torch.int64)
    with collective(name):
        dist.all_reduce(maxima, dist.ReduceOp.MAX)
    return maxima.tolist()


def all_equal(name: str, number: int) -> bool:
    """Return True if all ranks call this with the same number."""
    most, least = all_reduce_max(name, number, -number)
    return most == -least


def claim_message(text: str) -> bool:
    """Return True on the first rank that calls this with `text`, which then prints it for all."""
    if world_size() == 1 or _Waiting.store is None:
        return True
    try:
        return _Waiting.store.add(f"claimed/{text}", 1) == 1
    except RuntimeError:  # the process that held the store ended
        return True


def _missing_rank(name: str) -> WganError:
    """Return an error with the ranks that don't report within ROLL_CALL seconds that they wait in the collective."""
    missing, store = [], _Waiting.store
    if store is not None:
        missing, end = list(range(world_size())), time.monotonic() + ROLL_CALL
        try:
            store.set(f"waiting/{name}/{dist.get_rank()}", "1")
            while missing and time.monotonic() < end:
                time.sleep(0.05)
                missing = [rank for rank in missing if not store.check([f"waiting/{name}/{rank}"])]
        except RuntimeError:  # the process that held the store ended
            missing = [0]
    ranks = f"rank{'s' if len(missing) > 1 else ''} {', '.join(map(str, missing))}" if missing else "a rank"
    return WganError(
        f"{ranks} of {world_size()} did not reach: {name}",
        "everything up to the last checkpoint is saved: find out why it ended, then continue with --resume; torchrun's "
        "--max-restarts with --resume auto does that automatically",
        ExitStatus.FAILED,
    )


def _watch(on_hang: Callable[[WganError], None]) -> None:
    """Check once per second for a collective past its deadline."""
    while _Waiting.store is not None:
        time.sleep(min(1.0, _Waiting.timeout / 4))
        if time.monotonic() > _Waiting.deadline:
            on_hang(_missing_rank(_Waiting.collective))
            return
