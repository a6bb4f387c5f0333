"""Checkpoints with their critic, from which another training can start."""

from dataclasses import replace
from pathlib import Path

from wgan_cli.errors import WganError
from wgan_cli.runs.checkpoint import Checkpoint, generator_file, load_checkpoint
from wgan_cli.runs.pretrained import located
from wgan_cli.runs.run_dir import EXPORTED_CRITIC, RunDir, is_exported


def load_with_critic(path: Path) -> tuple[Checkpoint, Path]:
    """Load a file, a run's last checkpoint (its generator if it has none), or an exported folder and its critic.

    The path may be the name of a bundled generator.

    Returns: the checkpoint, whose `networks` lack a critic if there is none, and the file of its generator.
    Raises: WganError
    """
    path = located(path)
    checkpoints = RunDir(path).checkpoint_files()
    file = checkpoints[-1] if checkpoints else generator_file(path)
    checkpoint = load_checkpoint(file)
    if is_exported(path) and (path / EXPORTED_CRITIC).exists():
        networks = load_checkpoint(path / EXPORTED_CRITIC).networks
        if "critic" not in networks:
            raise WganError(f"{path / EXPORTED_CRITIC} holds no critic", "export the run again, or remove the file")
        checkpoint = replace(checkpoint, networks={**checkpoint.networks, "critic": networks["critic"]})
    return checkpoint, file
