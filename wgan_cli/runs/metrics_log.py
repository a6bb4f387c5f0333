"""metrics.jsonl: one object per log step, appended as it happens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from wgan_cli.runs.atomic import write_text, writing

SET_ASIDE = "metrics.set-aside.jsonl"


class MetricsLog:
    """Appends records to a file, each a line in one write."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, record: dict[str, Any]) -> None:
        """Add one record. It must hold `step`."""
        with writing(self.path), open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def rewind(self, step: int) -> None:
        """Move records past `step` to a file beside it, so that a resumed run continues without a double."""
        records = read_metrics(self.path)
        kept = [record for record in records if record["step"] <= step]
        late = [record for record in records if record["step"] > step]
        if late:
            aside = self.path.with_name(SET_ASIDE)
            before = aside.read_text(encoding="utf-8") if aside.exists() else ""
            write_text(aside, before + _lines(late))
        write_text(self.path, _lines(kept))  # also where none is late: a crash may have left half a line


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
