"""Distributed `wgan train`: start one process per GPU, and print each error once."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from wgan_cli.console import print_error
from wgan_cli.errors import AlreadyReported, ExitStatus, WganError

SAVING_SECONDS = "600"  # after a signal, before the launcher kills processes that still run; torch waits for 30


def is_launched() -> bool:
    """Return True if `launch` or torchrun started this process, also as the only one."""
    return "TORCHELASTIC_RUN_ID" in os.environ


@contextmanager
def in_process_group() -> Iterator[None]:
    """Join the process group if torchrun, or a compatible launcher, started this process as one of several.

    Raises: AlreadyReported if another rank reports the same error.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or "RANK" not in os.environ:
        yield
        return
    from wgan_cli.distributed import process_group

    def exit_with(error: WganError) -> NoReturn:  # from the watchdog thread; the main one hangs in a collective
        if process_group.claim_message(error.message):
            print_error(error.message, error.hint)
        os._exit(error.status)

    try:
        process_group.init(exit_with)
        yield
    except WganError as error:
        if not process_group.claim_message(error.message):
            raise AlreadyReported(error.status) from error
        raise
    process_group.destroy()


def launch(count: int, device: str) -> int:
    """Run this command line in `count` processes through torchrun's launcher, and return their exit status.

    Raises: WganError if there are fewer devices or `device` is one of them, or a process was killed.
    """
    if device.startswith("cuda:"):
        raise WganError(
            f"--gpus {count} uses the first {count} of the visible GPUs, and --device {device} is one GPU",
            "remove one of them; CUDA_VISIBLE_DEVICES=2,3 makes --gpus 2 use these two",
        )
    import torch
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, launch_agent

    available = torch.cuda.device_count()
    if device != "cpu" and count > available:
        raise WganError(
            f"--gpus is {count}, but this machine has {available}",
            f"use --gpus {available}"
            if available
            else "leave out --gpus to train on the CPU; in two processes: --device cpu --gpus 2",
        )
    if device == "cpu":
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // count)))
    os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", SAVING_SECONDS)
    names = [name for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1") if hasattr(signal, name)]  # two on Windows
    handled = [name for name in names if signal.getsignal(getattr(signal, name)) != signal.SIG_IGN]  # nohup ignores one
    config = LaunchConfig(
        min_nodes=1, max_nodes=1, nproc_per_node=count, run_id="wgan", rdzv_backend="c10d", rdzv_endpoint="localhost:0",
        max_restarts=0, signals_to_handle=",".join(handled),
    )  # fmt: skip
    try:
        launch_agent(config, sys.executable, ["-m", "wgan_cli", *sys.argv[1:]])
    except ChildFailedError as error:
        # A negative exit code is the signal that killed the process.
        codes = {rank: failure.exitcode for rank, failure in error.failures.items()}
        rank, code = min(codes.items(), key=lambda item: (item[1] >= 0, item[0]), default=(0, ExitStatus.FAILED))
        if code < 0:
            raise WganError(
                f"rank {rank} was killed by {signal.Signals(-code).name}",
                "everything up to the last checkpoint is saved; continue with --resume",
                ExitStatus.FAILED,
            ) from error
        return code or ExitStatus.FAILED
    except SignalException as error:
        return ExitStatus.INTERRUPTED if error.sigval == signal.SIGINT else ExitStatus.TERMINATED
    return ExitStatus.DONE
