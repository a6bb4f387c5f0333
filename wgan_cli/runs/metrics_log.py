"""metrics.jsonl: one JSON object per log step, appended as training proceeds."""

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from wgan_cli.errors import WganError, describe_os_error
from wgan_cli.recipe.schema import MOST_STEPS
from wgan_cli.recipe.scores import LOGGED, RENAMED
from wgan_cli.utils.files import append_whole, open_plain, write_atomically, writing

#: Keys of a record that describe the progress of training. All others are loss terms or scores.
PROGRESS = ("step", "epoch", "kimg", "seconds", "overhead_seconds", "images_per_second", "rollbacks")
PROGRESS += ("threads", "thread_changes")
MAX_RECORD = 65_536  # bytes that readers take; a record has a few hundred
MAX_NAMES = 100  # distinct keys that readers keep; each is drawn in a panel of its own


def loss_terms(record: Mapping[str, float]) -> dict[str, float]:
    """Return the loss terms and other logged numbers of a record: everything but progress and scores."""
    return {name: value for name, value in record.items() if name not in PROGRESS and name not in LOGGED}


def scores_of(record: Mapping[str, float]) -> dict[str, float]:
    """Return the evaluation scores of a record; empty if the generator was not evaluated at that step."""
    return {name: value for name, value in record.items() if name in LOGGED}


def finite_numbers(record: Mapping[str, Any]) -> dict[str, float]:
    """Return a record's finite numbers, without anything else that a callback added."""
    numbers = {}
    for name, value in record.items():
        with suppress(AttributeError, RuntimeError, TypeError, ValueError):
            number = value if isinstance(value, int | float) else float(value.item())  # a tensor or NumPy scalar
            if math.isfinite(number):
                numbers[name] = number
    return numbers


class MetricsLog:
    """Appends records to a file, one line in one write. Records that a full disk refused are written with the next."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pending = ""

    def append(self, record: dict[str, Any]) -> None:
        """Append a record, which must contain `step`."""
        self._pending += json.dumps(record) + "\n"
        self.flush()

    def flush(self) -> None:
        """Write the pending records."""
        if self._pending:
            with writing(self.path):
                append_whole(self.path, self._pending.encode("utf-8"))
            self._pending = ""

    def rewind(self, step: int, aside: Path) -> None:
        """Move the records after `step` to the file `aside`, so that a resumed run logs no step twice."""
        records = _read(self.path, limit=-1)  # whole lines: a callback may log thousands of numbers
        late = b"".join(line for line, record in records if record["step"] > step)
        if late:
            with writing(aside):
                aside.parent.mkdir(parents=True, exist_ok=True)
                append_whole(aside, late)
        # Always rewrite the file: a crash may have left half a line.
        kept = b"".join(line for line, record in records if record["step"] <= step)
        write_atomically(self.path, lambda file: file.write(kept))


def read_metrics(path: str | Path) -> list[dict[str, Any]]:
    """Read all complete records of a metrics.jsonl, [] if there is no file.

    Only finite numbers are kept, of the first MAX_NAMES names.

    Raises: WganError if `path` is not a regular file.
    """
    records: list[dict[str, Any]] = []
    names: set[str] = set()
    for _, record in _read(path, MAX_RECORD):
        for name in record:
            if len(names) < MAX_NAMES:
                names.add(name)
        records.append({name: value for name, value in record.items() if name in names})
    return records


def _read(path: str | Path, limit: int) -> list[tuple[bytes, dict[str, Any]]]:
    """Return all complete records of a file, each as it is in the file and as finite numbers by name.

    Args:
        limit: bytes of a line; longer ones are left out. -1: no limit.
    """
    records: list[tuple[bytes, dict[str, Any]]] = []
    try:
        with open_plain(Path(path)) as file:
            while line := file.readline(limit):
                record = _parse(line)
                if record is not None:
                    records.append((line.rstrip(b"\n") + b"\n", record))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise WganError(
            f"cannot read {path}: {describe_os_error(error)}", "move it away; the run continues without the old metrics"
        ) from None
    return records


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):  # not JSON or UTF-8, a number of thousands of digits, endless brackets
        return None
    if not isinstance(values, dict) or type(values.get("step")) is not int or not 0 <= values["step"] <= MOST_STEPS:
        return None
    numbers = {
        name: value
        for name, value in values.items()
        if name.isprintable() and type(value) in (int, float) and abs(value) < 1e300  # so that sums are finite too
    }
    for old in RENAMED.keys() & numbers.keys():
        numbers.setdefault(RENAMED[old], numbers.pop(old))
    return numbers
