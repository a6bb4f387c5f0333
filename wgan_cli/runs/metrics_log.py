"""metrics.jsonl: one object per log step, appended as it happens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from wgan_cli.errors import WganError, describe_os_error
from wgan_cli.recipe.schema import MOST_STEPS
from wgan_cli.recipe.scores import LOGGED, RENAMED
from wgan_cli.utils.files import append_whole, open_plain, write_text, writing

#: What a record holds beside the terms of the losses.
NOT_TERMS = frozenset({"step", "kimg", "seconds", "overhead_seconds", "images_per_second", "rollbacks", *LOGGED})


class MetricsLog:
    """Appends records to a file, each a line in one write; what a full disk refused is written with the next."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._owed = ""

    def append(self, record: dict[str, Any]) -> None:
        """Add one record. It must hold `step`."""
        self._owed += json.dumps(record) + "\n"
        self.flush()

    def flush(self) -> None:
        """Try again to write what could not be written."""
        if self._owed:
            with writing(self.path):
                append_whole(self.path, self._owed.encode("utf-8"))
            self._owed = ""

    def rewind(self, step: int, aside: Path) -> None:
        """Move records past `step` to another file, so that a resumed run continues without a double."""
        records = read_metrics(self.path)
        late = [record for record in records if record["step"] > step]
        if late:
            with writing(aside):
                aside.parent.mkdir(parents=True, exist_ok=True)
                append_whole(aside, _lines(late).encode("utf-8"))
        # Also where none is late: a crash may have left half a line.
        write_text(self.path, _lines([record for record in records if record["step"] <= step]))


def _lines(records: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


MOST_IN_A_LINE = 65_536  # bytes; a record has a few hundred
MOST_NAMES = 40  # of terms and other numbers in all records; each is drawn in a panel of its own


def read_metrics(path: str | Path) -> list[dict[str, Any]]:
    """All whole records of a metrics.jsonl; [] where there is none yet. A last line cut off by a crash is left out.

    Of what somebody else may have written in it, only finite numbers are taken.
    Raises: WganError where there is something else than a file.
    """
    records, names = [], set()
    try:
        with open_plain(path) as file:
            while line := file.readline(MOST_IN_A_LINE):
                record = _record(line)
                if record is not None and len(names | record.keys()) <= MOST_NAMES:
                    records.append(record)
                    names |= record.keys()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise WganError(
            f"cannot read {path}: {describe_os_error(error)}", "move it away; a run goes on without its old numbers"
        ) from None
    return records


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):  # no JSON, no UTF-8, a number of thousands of digits, or brackets without end
        return None
    if not isinstance(values, dict) or type(values.get("step")) is not int or not 0 <= values["step"] <= MOST_STEPS:
        return None
    values = {RENAMED.get(name, name): value for name, value in values.items()}
    return {name: value for name, value in values.items() if name.isprintable() and _is_finite(value)}


def _is_finite(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e300  # so that sums of some are finite too
