"""Extract the series that log_and_distance.py draws, so that the figure needs no training.

wgan train --set eval_every=100 --set log_every=10
python docs/figures/take_log.py runs/digits_dcgan
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

SERIES = Path(__file__).with_name("log_and_distance.json")
COLUMNS = ("step", "wasserstein", "gradient_penalty", "fd")


def take(run: Path) -> str:
    """Return a run's series as JSON, one line per record, with recipe, machine, versions and date."""
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    environment = json.loads((run / "environment.json").read_text(encoding="utf-8"))
    facts = {
        "recipe": "digits_dcgan, eval_every 100, log_every 10",
        "date": environment["started"][:10],
        "machine": f"{environment['device_name']}, {environment['threads']} threads",
        "versions": {name: environment["versions"][name] for name in ("python", "torch")},
        "real_baseline": next(record["real_baseline"] for record in records if "real_baseline" in record),
        "columns": COLUMNS,
    }
    rows = [[_rounded(record.get(column)) for column in COLUMNS] for record in records]
    head = json.dumps(facts, indent=1).removesuffix("\n}")
    return head + ',\n "rows": [\n  ' + ",\n  ".join(json.dumps(row) for row in rows) + "\n ]\n}\n"


def _rounded(value: float | None) -> float | None:
    return value if value is None or isinstance(value, int) else float(f"{value:.4g}")


if __name__ == "__main__":
    SERIES.write_text(take(Path(sys.argv[1])), encoding="utf-8")
    print(SERIES)
