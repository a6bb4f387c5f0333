"""Write the tables of docs/scaling.md from the results of distributed.py."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import gpu_page
from common import FORMATS, RESULTS
from markdown_text import earlier_networks, paragraph, table, where
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
    rounds, cores = result["settings"]["rounds"], result["machine"]["cores"]
    told = (
        f"The faster of {rounds} rounds, one thread per process; four processes share the {cores} cores. On "
        f"{where({**result, 'settings': {'device': ''}})} {earlier_networks(result, result['steps'])}"
    )
    return table(heads, rows) + "\n\n" + paragraph(told)


def predicted(result: dict[str, Any], on_gpu: Path = RESULTS / "gpu-h100.jsonl") -> str:
    """Return the table of arithmetic, traffic and predicted efficiency, and what it is with the steps of a real GPU."""
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
    told = f"{_with_gpu_steps(result, on_gpu)} {earlier_networks(result, result['traffic'])}"
    return table(heads, rows) + "\n\n" + paragraph(told)


def _with_gpu_steps(result: dict[str, Any], file: Path) -> str:
    """Return the predictions for steps as long as one GPU's, instead of those of an assumed rate."""
    name, told = "cifar10_resnet", []
    traffic = Traffic(**result["traffic"][name])
    for line in gpu_page.read(file)["speed"]:
        if line["recipe"] == name and line["got"] == "graph" and line["format"] in FORMATS:
            shares = []
            for count, wires in PREDICTED:
                sending = wires.seconds(traffic.messages, traffic.bytes, count)
                shares.append(f"{efficiency(line['ms'] / 1000, sending):.0%} on {count:,}")
            told.append(f"{line['ms']:.2f} ms in {FORMATS[line['format']]} ({', '.join(shares)})")
    return (
        f"For `{name}`, {GPU_FLOPS / 1e12:.0f} TFLOP/s is a step of {1000 * traffic.flops / GPU_FLOPS:.0f} ms; an H100 "
        f"[takes](performance.md#on-a-gpu) {' or '.join(told)}."
    )
