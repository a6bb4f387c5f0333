"""Two ranks as separate processes, without torchrun."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import wgan_cli

FOLDER = Path(__file__).parent


@pytest.fixture(scope="session")
def start_ranks() -> Callable[..., list[subprocess.Popen]]:
    """Start `python WORDS` twice, with torchrun's environment variables."""

    def start(*words: object, **options) -> list[subprocess.Popen]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        path = f"{Path(wgan_cli.__file__).parents[1]}:{FOLDER}:{FOLDER.parent}"
        base = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
        base |= {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        command = [sys.executable, *map(str, words)]
        return [subprocess.Popen(command, env={**base, "RANK": str(rank)}, **options) for rank in range(2)]

    return start
