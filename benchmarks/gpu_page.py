"""Write the GPU part of docs/performance.md from the lines that gpu_check.sh keeps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from common import FORMATS
from markdown_text import about_tf32, paragraph, table, where

PRECISIONS = {**FORMATS, "tf32": "TF32"}
Lines = list[dict[str, Any]]


def name_of(precision: str) -> str:
    """Return a precision of the check in words."""
    amp, _, benchmark = precision.partition("+")
    return f"{PRECISIONS[amp]}{', cuDNN benchmark' if benchmark else ''}"


def read(file: Path) -> dict[str, Lines]:
    """Return the figures of a check by kind, without failed ones, but with recipes that could not be trained."""
    found: dict[str, Lines] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        figure = json.loads(line)
        if "failed" not in figure or figure["kind"] == "smoke":
            found.setdefault(figure["kind"], []).append(figure)
    return found


def engine_rows(found: dict[str, Lines]) -> list[list[str]]:
    """Return a row for each recipe, engine and precision: milliseconds, ratios to the textbook loop, memory.

    Ratios are of rates that were measured in turns; without ours among them, of the rate in the row.
    """
    in_turns = {(line["recipe"], line["side"]): line["steps_per_second"] for line in found.get("beside", [])}
    rows = []
    for line in found.get("speed", []):
        recipe, precision = line["recipe"], line["format"]
        ours = in_turns.get((recipe, f"wgan {line['got']} {precision}"), line["steps_per_second"])
        baselines = [in_turns.get((recipe, f"textbook {kind} {precision}")) for kind in ("loader", "resident")]
        ratios = [f"{ours / rate:.2f}" if rate else "" for rate in baselines]
        memory = f"{line['peak_GB']:.2f}" if "peak_GB" in line else ""
        rows.append([recipe, line["got"], name_of(precision), f"{line['ms']:,.2f}", *ratios, memory])
    return rows


def training_rows(found: dict[str, Lines]) -> list[list[str]]:
    """Return a row for each training: steps, seconds, steps/s with everything, and the device's utilization."""
    rows = []
    for line in found.get("train", []):
        busy = line.get("busy_percent")
        busy_percent = "" if busy is None else f"{busy:.0f}%"
        engine = line.get("got", line["engine"])
        rows.append(
            [line["label"], engine, PRECISIONS[line["amp"]], f"{line['steps']:,}", f"{line['seconds']:.1f}",
             f"{line['steps_per_second']:,.0f}", f"{line['overhead_share']:.0%}", busy_percent]
        )  # fmt: skip
    return rows


def captured(found: dict[str, Lines]) -> str:
    """Name the recipes whose iteration could be captured, and those that fell back."""
    tried = {line["recipe"]: "out of time" for line in found.get("started", [])}
    tried |= {line["recipe"]: reason(line) for line in found.get("smoke", [])}
    back = [f"`{recipe}`: {why}" for recipe, why in tried.items() if why]
    trained = "were trained for 24 steps as a CUDA graph"
    if not back:
        return f"All {len(tried)} recipes that were tried {trained}."
    return f"{len(tried) - len(back)} of {len(tried)} recipes {trained}; not {'; '.join(back)}."


def reason(line: dict[str, Any]) -> str:
    """Return why a recipe was not trained as a CUDA graph with finite terms, or nothing if it was."""
    nonfinite = ", ".join(line.get("nonfinite", ()))
    return line.get("failed") or line["trouble"] or (f"{nonfinite} not finite" if nonfinite else "")


def section(file: Path) -> str:
    """Return the figures of gpu_check.sh as Markdown."""
    found = read(file)
    engines = "recipe, engine, precision, ms/step, textbook with DataLoader, textbook with images on the GPU, GB"
    trainings = "run, engine, precision, steps, seconds, steps/s, overhead, GPU utilization"
    same_tf32 = all(line.get("same_tf32") for line in found.get("beside", []))
    told = (
        f"Ratios are to the textbook loop in the same precision and run.{about_tf32(same_tf32)} GB is the peak that "
        "PyTorch allocated, random images included."
    )
    train = (
        "`default` is `wgan train mnist_dcgan` on the bundled digits as it comes; runs with the name of an engine are "
        "the same under that engine until a time limit, and `cifar10_resnet` is the training described below. Rate and "
        "utilization are of the second half, with logs, sample grids and checkpoints."
    )
    return "\n\n".join(
        [
            table(engines, engine_rows(found), words=3),
            paragraph(f"{told} {captured(found)} {where(found['facts'][0])}"),
            table(trainings, training_rows(found), words=3),
            paragraph(train),
        ]
    )
