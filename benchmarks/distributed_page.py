"""Write the tables of docs/scaling.md from the results of distributed.py."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from markdown_text import earlier_networks, paragraph, table
from traffic import Traffic, Wires, efficiency, fitted_wires

DOC = Path(__file__).parents[1] / "docs" / "scaling.md"
#: What is assumed of GPUs: operations a second that small convolutions reach, and the wires within and between servers.
GPU_FLOPS = 30e12
WITHIN = Wires(300e9, 20e-6)  # NVLink
BETWEEN = Wires(25e9, 60e-6)  # 400 Gbit/s for every two GPUs
PREDICTED = ((8, WITHIN), (1024, BETWEEN))


def write(result: dict[str, Any], file: Path = DOC) -> None:
    """Write the tables between their marks."""
    text = file.read_text(encoding="utf-8")
    for name, rows in (("measured", measured(result)), ("predicted", predicted(result))):
        marks = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
        text, found = re.subn(marks, lambda match, rows=rows: match[1] + rows + "\n" + match[2], text, flags=re.DOTALL)
        assert found == 1, f"{file} has no place for what was {name}"
    file.write_text(text, encoding="utf-8")


def predictions(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Return measured and predicted seconds for each recipe and number of processes."""
    rows = []
    for name, timed in result["steps"].items():
        together, apart = timed["together"], timed["apart"]
        for count in sorted(map(int, result["all_reduce"])):
            traffic = Traffic(**result["traffic"][name])
            wires = fitted_wires(result["all_reduce"][str(count)], count)
            sending = wires.seconds(traffic.messages, traffic.bytes, count)
            rows.append(
                {"recipe": name, "processes": count, "alone": together["1"], "apart": apart[str(count)],
                 "measured": together[str(count)], "predicted": apart[str(count)] + sending}
            )  # fmt: skip
    return rows


def measured(result: dict[str, Any]) -> str:
    """Return the table of measured steps."""
    rows = [
        [
            row["recipe"], str(row["processes"]),
            *(f"{1000 * row[key]:.1f}" for key in ("alone", "apart", "measured", "predicted")),
            f"{100 * efficiency(row['apart'], row['measured'] - row['apart']):.0f}%",
        ]
        for row in predictions(result)
    ]  # fmt: skip
    heads = ["recipe", "processes", "alone, ms", "apart, ms", "together, ms", "predicted, ms", "efficiency"]
    return _with_note(table(heads, rows), result, result["steps"])


def predicted(result: dict[str, Any]) -> str:
    """Return the table of arithmetic, traffic and predicted efficiency."""
    rows = []
    for name, counted in result["traffic"].items():
        traffic = Traffic(**counted)
        computing = traffic.flops / GPU_FLOPS
        shares = [
            efficiency(computing, wires.seconds(traffic.messages, traffic.bytes, count)) for count, wires in PREDICTED
        ]
        rows.append(
            [name, f"{traffic.flops / 1e9:,.1f}", f"{traffic.bytes / 1e6:.2f}", str(traffic.messages)]
            + [f"{100 * share:.0f}%" for share in shares]
        )
    heads = ["recipe", "GFLOP a step", "MB a step", "messages", "on 8 GPUs", "on 1,024"]
    return _with_note(table(heads, rows), result, result["traffic"])


def _with_note(rows: str, result: dict[str, Any], names: Iterable[str]) -> str:
    note = earlier_networks(result, names)
    return f"{rows}\n\n{paragraph(note)}" if note else rows
