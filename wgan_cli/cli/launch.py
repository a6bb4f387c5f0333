"""Several processes of `wgan train`: how they start, and which of them says what went wrong."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from wgan_cli.errors import AlreadyReported, ExitStatus, WganError


def is_distributed() -> bool:
    """Whether torchrun, or something like it, started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ


@contextmanager
def in_process_group() -> Iterator[None]:
    """Meet the other processes of this run, where there are any; of what all have to say, one says it.

    Raises: EndedElsewhere where another process has said why all end.
    """
    if not is_distributed():
        yield
        return
    from wgan_cli.distributed import process_group

    try:
        process_group.init(_end)
        yield
    except WganError as error:
        if not process_group.claim_message(error.message):
            raise AlreadyReported(error.status) from error
        raise
    process_group.destroy()


def _end(error: WganError) -> NoReturn:
    """From the watchdog's thread, for the main one waits and will not come back."""
    from wgan_cli.console import print_error
    from wgan_cli.distributed import process_group

    if process_group.claim_message(error.message):
        print_error(error.message, error.hint)
    os._exit(error.status)


def launch(count: int, device: str) -> int:
    """Run this command line again in `count` processes, by torchrun's launcher, and return their exit status.

    Raises: WganError where there are not so many devices, or a process was killed.
    """
    import torch
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, launch_agent

    found = torch.cuda.device_count()
    if device != "cpu" and count > found:
        raise WganError(
            f"--gpus is {count}, and this machine has {found}",
            f"give --gpus {found}" if found else "on the processor: --device cpu --gpus 2",
        )
    if device == "cpu":
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // count)))
    config = LaunchConfig(
        min_nodes=1, max_nodes=1, nproc_per_node=count, run_id="wgan", rdzv_backend="c10d", rdzv_endpoint="localhost:0",
        max_restarts=0, signals_to_handle="SIGTERM,SIGINT,SIGHUP,SIGUSR1",
    )  # fmt: skip
    try:
        launch_agent(config, sys.executable, ["-m", "wgan_cli", *_without_gpus(sys.argv[1:])])
    except ChildFailedError as error:
        return _status_of({rank: failure.exitcode for rank, failure in error.failures.items()})
    except SignalException as error:
        return ExitStatus.INTERRUPTED if error.sigval == signal.SIGINT else ExitStatus.TERMINATED
    return ExitStatus.DONE


def _status_of(ends: dict[int, int]) -> int:
    killed = {rank: -code for rank, code in ends.items() if code < 0}
    spoke = [code for code in ends.values() if code > 0]
    if killed:
        rank, number = min(killed.items())
        raise WganError(
            f"process {rank} was ended by {signal.Signals(number).name}",
            "all up to the last checkpoint is kept; continue with --resume",
            ExitStatus.FAILED,
        )
    return spoke[0] if spoke else ExitStatus.FAILED


def _without_gpus(words: list[str]) -> list[str]:
    """A command line without its --gpus N or --gpus=N."""
    kept = []
    skip = False
    for word in words:
        if skip or word == "--gpus" or word.startswith("--gpus="):
            skip = word == "--gpus" and not skip
            continue
        kept.append(word)
    return kept
