"""Data sets of the Hugging Face Hub: their Parquet files are downloaded, and code in them is never run."""

from pathlib import Path

from wgan_cli.data.containers.tables import only_table
from wgan_cli.errors import WganError
from wgan_cli.utils.format import Log, count_of, format_bytes
from wgan_cli.utils.hub import download, parse_repository

REVISIONS = ("main", "refs/convert/parquet")  # the second is the Hub's own conversion of other formats


def hub_folder(name: str, log: Log) -> Path:
    """Download the Parquet files of a data set into the Hub's own cache, and return their folder.

    Args:
        name: hf:OWNER/NAME, which may be followed by @REVISION and a folder of it: hf:OWNER/NAME/FOLDER.
    Raises: WganError if they are neither on the Hub nor in the cache, or form several tables.
    """
    repository = parse_repository(name, "dataset", "data")
    prefix = f"{repository.inner.rstrip('/')}/" if repository.inner else ""

    def select(sizes: dict[str, int]) -> list[str]:
        return [file for file in sizes if file.startswith(prefix) and file.endswith(".parquet")]

    def announce(sizes: dict[str, int]) -> None:
        only_table(Path(name), [file.removeprefix(prefix) for file in sizes])
        log(f"{name}: {count_of(len(sizes))} on the Hub, {format_bytes(sum(sizes.values()))}")
        if any("partial-" in file for file in sizes):
            log(f"{name}: the Hub has converted only the first part of these images")

    revisions = (repository.revision,) if repository.revision else REVISIONS
    folder = download(repository, revisions, select, announce, log)
    if folder is None:
        raise WganError(f"{name} has no Parquet files", "choose another data set, or download it and give its path")
    return folder / prefix
