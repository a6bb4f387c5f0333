"""Generators of the Hugging Face Hub, as `wgan export --push` writes them: nothing but their weights is downloaded."""

import json
from pathlib import Path

from wgan_cli.errors import WganError
from wgan_cli.runs.run_dir import EXPORTED_CONFIG, EXPORTED_CRITIC, EXPORTED_TENSORS
from wgan_cli.utils.format import Log, no_log
from wgan_cli.utils.hub import Repository, download, parse_repository

_NEEDED = (EXPORTED_TENSORS, EXPORTED_CONFIG)


def hub_model(name: str) -> Repository:
    """Return the repository of a generator, hf:OWNER/NAME or hf:OWNER/NAME@REVISION. Raises: WganError."""
    repository = parse_repository(name, "model", "hub")
    if repository.inner:
        raise WganError(f"{name} names a folder inside of a repository", f"write hf:{repository.name}")
    return repository


def hub_generator(name: str, log: Log = no_log) -> Path:
    """Download a generator and its critic, if there is one, into the Hub's own cache, and return their folder.

    log: receives a line if the Hub can't be reached, and the cache is read.

    Raises: Unavailable if there is no such repository, or WganError for one that this program hasn't written.
    """
    repository = hub_model(name)

    def select(sizes: dict[str, int]) -> list[str]:
        return [EXPORTED_CONFIG] if all(file in sizes for file in _NEEDED) else []

    def select_weights(sizes: dict[str, int]) -> list[str]:
        return [file for file in (*_NEEDED, EXPORTED_CRITIC) if file in sizes]

    revision = repository.revision or "main"
    folder = download(repository, [revision], select, log=log)  # other programs have large files of the same name
    if folder is None or not _is_ours(folder / EXPORTED_CONFIG):
        raise WganError(
            f"{name} holds no generator of wgan",
            "choose a repository that `wgan export --push` has written",
        )
    found = download(repository, [folder.name], select_weights)
    assert found is not None
    return found


def _is_ours(config: Path) -> bool:
    from wgan_cli.runs.migration import FORMAT  # it imports all settings, which `wgan --help` doesn't need

    try:
        return json.loads(config.read_text(encoding="utf-8")).get("format") == FORMAT
    except (OSError, ValueError, AttributeError, RecursionError):
        return False
