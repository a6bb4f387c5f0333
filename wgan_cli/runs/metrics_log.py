"""metrics.jsonl: one object per log step, appended as it happens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from wgan_cli.runs.atomic import append_whole, write_text, writing

#: What a record holds beside the terms of the losses.
NOT_TERMS = frozenset({"step", "kimg", "seconds", "overhead_seconds", "images_per_second", "rollbacks"})


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


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """All whole records of a metrics.jsonl; [] where there is none yet. A last line cut off by a crash is left out."""
    if not path.exists():
        return []
    records = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(record, dict) and isinstance(record.get("step"), int):
            records.append(record)
    return records
