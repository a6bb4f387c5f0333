"""Data sets of the Hugging Face Hub: their Parquet files are downloaded, and code in them is never run."""

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from wgan_cli.data.containers.tables import only_table
from wgan_cli.errors import WganError
from wgan_cli.recipe.decoding_types import REMOTE
from wgan_cli.utils.extras import import_extra, quiet_without_terminal
from wgan_cli.utils.format import Log, count_of, format_bytes

REVISIONS = ("main", "refs/convert/parquet")  # the second is the Hub's own conversion of other formats
_NAME = re.compile(rf"{REMOTE}([\w.-]+/[\w.-]+)(?:@([\w.-]+))?(?:/(.+))?", re.ASCII)
_folders: dict[str, Path] = {}  # downloaded by this process, whose steps all use the same revision


def hub_folder(name: str, log: Log) -> Path:
    """Download the Parquet files of a data set into the Hub's own cache, and return their folder.

    Args:
        name: hf:OWNER/NAME, which may be followed by @REVISION and a folder of it: hf:OWNER/NAME/FOLDER.
    Raises: WganError if they are neither on the Hub nor in the cache, or form several tables.
    """
    if name not in _folders:
        found = _NAME.fullmatch(name)
        if found is None:
            raise WganError(f"{name} is not a data set of the Hugging Face Hub", f"write {REMOTE}OWNER/NAME")
        repository, revision, inner = found.groups()
        revisions, prefix = (revision,) if revision else REVISIONS, f"{inner.rstrip('/')}/" if inner else ""
        _folders[name] = _snapshot(name, repository, revisions, prefix, log) / prefix
    return _folders[name]


def _snapshot(name: str, repository: str, revisions: Sequence[str], prefix: str, log: Log) -> Path:
    """Return the folder of the first revision with Parquet files: a new download, or what is in the cache."""
    hub = import_extra("huggingface_hub", "data", name)
    errors = import_extra("huggingface_hub.errors", "data", name)
    api = hub.HfApi(os.environ.get("HF_ENDPOINT"))
    source = {"repo_id": repository, "repo_type": "dataset"}
    try:
        for revision in revisions:
            with suppress(errors.RevisionNotFoundError):
                files = api.repo_info(**source, revision=revision, files_metadata=True).siblings
                sizes = {file.rfilename: file.size or 0 for file in files if file.rfilename.startswith(prefix)}
                wanted = [file for file in sizes if file.endswith(".parquet")]
                if wanted:
                    _announce(name, [(file.removeprefix(prefix), sizes[file]) for file in wanted], log)
                    with quiet_without_terminal():
                        return Path(api.snapshot_download(**source, revision=revision, allow_patterns=wanted))
    except WganError:
        raise
    except errors.GatedRepoError:
        page = f"{api.endpoint}/datasets/{repository}"
        raise WganError(f"{name} is gated", f"accept its conditions on {page}, then run `hf auth login`") from None
    except errors.RepositoryNotFoundError:
        raise WganError(
            f"{name} isn't on the Hub, or is private", "check the owner and the name, or run `hf auth login`"
        ) from None
    except Exception as error:  # each version of the library has other types for a network that fails
        for revision in revisions:
            with suppress(errors.LocalEntryNotFoundError):
                folder = Path(api.snapshot_download(**source, revision=revision, local_files_only=True))
                if any((folder / prefix).rglob("*.parquet")):
                    log(f"{name}: the Hub can't be reached; reading what was downloaded before")
                    return folder
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise WganError(f"cannot download {name}: {reason}", "check the network, or give the path of a copy") from None
    raise WganError(f"{name} has no Parquet files", "choose another data set, or download it and give its path")


def _announce(name: str, files: Sequence[tuple[str, int]], log: Log) -> None:
    only_table(Path(name), [file for file, _ in files])
    log(f"{name}: {count_of(len(files))} on the Hub, {format_bytes(sum(size for _, size in files))}")
    if any("partial-" in file for file, _ in files):
        log(f"{name}: the Hub has converted only the first part of these images")
