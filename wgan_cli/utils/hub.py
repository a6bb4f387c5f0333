"""Repositories of the Hugging Face Hub: chosen files, downloaded into its own cache, and uploads. No code is run."""

import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wgan_cli.errors import WganError
from wgan_cli.utils.extras import import_extra, quiet_without_terminal
from wgan_cli.utils.format import Log, no_log

REMOTE = "hf:"  # start of a repository's name, in place of a path
_NAME = re.compile(rf"{REMOTE}([\w.-]+/[\w.-]+)(?:@([\w.-]+))?(?:/(.+))?", re.ASCII)
_folders: dict[tuple["Repository", str], Path] = {}  # downloaded by this process, whose steps all use the same revision


def is_remote(path: str | Path) -> bool:
    """Return True for the name of a repository."""
    return str(path).startswith(REMOTE)


class Unavailable(WganError):
    """A repository doesn't exist, or can't be reached."""


@dataclass(frozen=True)
class Repository:
    """A repository as named by the user, `hf:OWNER/NAME@REVISION/FOLDER`, the last two of which are optional.

    Attributes:
        kind: model or dataset. extra: of wgan, with the Hub's library.
    """

    text: str
    kind: str
    extra: str
    name: str
    revision: str | None
    inner: str | None

    @property
    def address(self) -> dict[str, Any]:
        """Arguments of the Hub's library."""
        return {"repo_id": self.name, "repo_type": self.kind}


def parse_repository(text: str, kind: str, extra: str) -> Repository:
    """Parse the name of a repository. Raises: WganError."""
    found = _NAME.fullmatch(text)
    if found is None:
        raise WganError(f"{text} is not a {kind} of the Hugging Face Hub", f"write {REMOTE}OWNER/NAME")
    return Repository(text, kind, extra, *found.groups())


def download(
    repository: Repository,
    revisions: Sequence[str],
    select: Callable[[dict[str, int]], list[str]],
    announce: Callable[[dict[str, int]], None] = lambda sizes: None,
    log: Log = no_log,
) -> Path | None:
    """Return the folder of the first revision with selected files: a new download, or else what is in the cache.

    Args:
        select: returns the files to download, given the size in bytes of every file.
        announce: is called with the selected files before they are downloaded.
        log: receives a line if the Hub can't be reached.
    Returns: None if no revision has such files.
    Raises: Unavailable, or WganError for a revision that doesn't exist.
    """
    key = repository, revisions[0]
    if key not in _folders and (folder := _download(repository, revisions, select, announce, log)):
        _folders[key] = folder
    return _folders.get(key)


def _download(
    repository: Repository,
    revisions: Sequence[str],
    select: Callable[[dict[str, int]], list[str]],
    announce: Callable[[dict[str, int]], None],
    log: Log,
) -> Path | None:
    api, errors = _library(repository)
    exists = False
    try:
        for revision in revisions:
            with suppress(errors.RevisionNotFoundError):
                files = api.repo_info(**repository.address, revision=revision, files_metadata=True).siblings
                exists = True
                sizes = {file.rfilename: file.size or 0 for file in files}
                if wanted := select(sizes):
                    announce({file: sizes[file] for file in wanted})
                    with quiet_without_terminal():
                        folder = api.snapshot_download(**repository.address, revision=revision, allow_patterns=wanted)
                    return Path(folder)
    except WganError:
        raise
    except Exception as error:
        if refusal := _refusal(error, repository, api, errors):
            raise refusal from None
        for revision in revisions:
            folder = _cached(repository, revision, api, errors)
            if folder and select({file.relative_to(folder).as_posix(): 0 for file in folder.rglob("*")}):
                log(f"{repository.text}: the Hub can't be reached; reading what was downloaded before")
                return folder
        hint = "check the network, or give the path of a copy"
        raise Unavailable(f"cannot download {repository.text}: {_reason(error)}", hint) from None
    if not exists:
        raise WganError(f"{repository.text}: there is no revision {revisions[0]}", "name a branch, a tag or a commit")
    return None


def _cached(repository: Repository, revision: str, api: Any, errors: Any) -> Path | None:
    """Return the folder of a revision in the cache, if any, where files may be missing that weren't selected."""
    try:
        return Path(api.snapshot_download(**repository.address, revision=revision, local_files_only=True))
    except errors.LocalEntryNotFoundError as missing:
        folder = getattr(missing, "snapshot_path", None)
        return Path(folder) if folder else None


def upload(repository: Repository, folder: Path, private: bool = False) -> str:
    """Upload all files of a folder in one commit, create the repository if needed, and return the commit's address.

    Raises: WganError.
    """
    api, errors = _library(repository)
    try:
        with quiet_without_terminal():
            api.create_repo(**repository.address, private=private or None, exist_ok=True)
            return api.upload_folder(
                **repository.address, folder_path=folder, commit_message="Upload a generator trained with wgan"
            ).commit_url
    except Exception as error:
        if refusal := _refusal(error, repository, api, errors):
            raise refusal from None
        hint = "check the network and the name; the export is complete with --out FOLDER/"
        raise Unavailable(f"cannot upload to {repository.text}: {_reason(error)}", hint) from None


def _library(repository: Repository) -> tuple[Any, Any]:
    """Return the client, and the module of its exceptions. Raises: WganError if it isn't installed."""
    library = import_extra("huggingface_hub", repository.extra, repository.text)
    errors = import_extra("huggingface_hub.errors", repository.extra, repository.text)
    return library.HfApi(os.environ.get("HF_ENDPOINT")), errors


def _refusal(error: Exception, repository: Repository, api: Any, errors: Any) -> WganError | None:
    """Return what the Hub's answer means; None for an error of the network, whose types differ among versions."""
    name = repository.text
    if isinstance(error, errors.GatedRepoError):
        page = f"{api.endpoint}/{'datasets/' if repository.kind == 'dataset' else ''}{repository.name}"
        return WganError(f"{name} is gated", f"accept its conditions on {page}, then run `hf auth login`")
    if isinstance(error, errors.RepositoryNotFoundError):
        hint = "check the owner and the name, or run `hf auth login`"
        return Unavailable(f"{name} isn't on the Hub, or is private", hint)
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.LocalTokenNotFoundError) or status == 401:
        return WganError(f"{name} needs a valid token of the Hub", "run `hf auth login`, or set HF_TOKEN")
    if status == 403:
        return WganError(f"{name}: the token of the Hub doesn't permit this", "use a token that may write there")
    return None


def _reason(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
