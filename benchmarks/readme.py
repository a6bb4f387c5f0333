"""Write the figures of results/train_speed.json into README.md, between its two speed marks.

python benchmarks/readme.py
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
BEGIN, END = "<!-- speed: written by benchmarks/readme.py -->", "<!-- end of speed -->"
FORMATS = {"off": "float32", "bf16": "bf16"}


def section(result: dict[str, Any]) -> str:
    """The figures as a Markdown table, with the machine, the versions and the date below."""
    lines = ["| networks | format | textbook | wgan | times as fast |", "| --- | --- | ---: | ---: | ---: |"]
    for case in result["cases"]:
        for ratio in case["ratios"]:
            ours, theirs = ratio["ours"], ratio["theirs"]
            if not theirs.startswith("textbook"):
                continue
            formats = list(dict.fromkeys(FORMATS[side.split()[1]] for side in (theirs, ours)))
            before, now = (case["sides"][side]["critic_iterations_per_second"]["median"] for side in (theirs, ours))
            times = f"**{ratio['median']:.2f}** ({ratio['min']:.2f} to {ratio['max']:.2f})"
            lines.append(f"| {case['case']} | {', then '.join(formats)} | {before:,.0f} | {now:,.0f} | {times} |")
    machine, versions = result["machine"], result["versions"]
    batch, rounds = result["cases"][0]["batch_size"], result["settings"]["rounds"]
    lines += [
        "",
        f"Critic iterations a second at batch {batch}, generator steps included; median and spread of {rounds} rounds",
        f"in turns on {machine['device_name']} with {machine['threads']} threads, torch {versions['torch']},",
        f"Python {versions['python']}, {result['date'][:10]}.",
    ]
    return "\n".join(lines)


def main() -> None:
    result = json.loads((HERE / "results" / "train_speed.json").read_text(encoding="utf-8"))
    text = README.read_text(encoding="utf-8")
    written, count = re.subn(f"{BEGIN}.*?{END}", lambda _: f"{BEGIN}\n{section(result)}\n{END}", text, flags=re.DOTALL)
    if count != 1:
        raise SystemExit(f"error: {README.name} has no speed marks\nhint: put {BEGIN} and {END} where the table goes")
    README.write_text(written, encoding="utf-8")


if __name__ == "__main__":
    main()
