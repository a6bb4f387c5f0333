"""Names of bundled generators, and of those on the Hugging Face Hub, in place of a run or checkpoint."""

from pathlib import Path

from wgan_cli.console import print_message
from wgan_cli.runs.pretrained import located, read_card
from wgan_cli.runs.run_dir import EXPORTED_TENSORS
from wgan_cli.utils.files import sha256_of
from wgan_cli.utils.format import Log
from wgan_cli.utils.hub import is_remote


def locate(path: Path, log: Log = print_message) -> Path:
    """Return the run or file that a path or name stands for; `log` receives which one a name stands for."""
    found = located(path, log)
    if found == path:
        return path
    if is_remote(path):
        weights = found / EXPORTED_TENSORS
        log(f"{path}: commit {found.name[:12]}, {EXPORTED_TENSORS} with sha256 {sha256_of(weights)}")
    elif found.is_dir():
        log(f"{path}: the run {found}, not the generator that comes with wgan")
    else:
        quality = read_card(path.name).quality
        log(f"{path}: the generator that comes with wgan, {quality}; its card: wgan inspect {path}")
    return found
