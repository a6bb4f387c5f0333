"""Process-wide settings that training changes, restored for the caller of the library."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

from wgan_cli.distributed.batch_shard import current_shard, use_shard

#: Loggers that drawing curves and compiling silence; their libraries may not be imported yet.
SILENCED_LOGGERS = {"matplotlib", "torch._dynamo", "torch._inductor", "torch.utils.cpp_extension"}


@contextmanager
def restored_process_state() -> Iterator[None]:
    """Restore every process-wide setting that the block changes, also after an error.

    These are the number of threads, random states, deterministic algorithms, the batch shard, warning filters, logging
    levels and environment variables. TF32 switches and signal handlers are restored where they are set.
    """
    environment = dict(os.environ)
    loggers = {name for name, logger in logging.root.manager.loggerDict.items() if isinstance(logger, logging.Logger)}
    levels = {name: logging.getLogger(name).level for name in loggers | SILENCED_LOGGERS}
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        stack.enter_context(use_shard(current_shard()))
        stack.callback(torch.set_num_threads, torch.get_num_threads())
        stack.callback(torch.set_rng_state, torch.get_rng_state())
        if torch.cuda.is_available():
            stack.callback(torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all())
        if torch.backends.mps.is_available():
            stack.callback(torch.mps.set_rng_state, torch.mps.get_rng_state())
        stack.callback(_restore_determinism, *_determinism())
        try:
            yield
        finally:
            for name in os.environ.keys() - environment.keys():
                del os.environ[name]
            os.environ.update(environment)
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)


def _determinism() -> tuple[bool, bool]:
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


def _restore_determinism(enabled: bool, warn_only: bool) -> None:
    if _determinism() != (enabled, warn_only):  # setting it imports torch's compiler, for a second or two
        torch.use_deterministic_algorithms(enabled, warn_only=warn_only)
