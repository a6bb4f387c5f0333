"""Several runs side by side as one picture, or as one page that needs no network."""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from wgan_cli.comparison.compare import Comparison
from wgan_cli.errors import WganError
from wgan_cli.outputs.animation import open_picture
from wgan_cli.outputs.curves import score_names, smoothed, term_names
from wgan_cli.runs.atomic import make_parent, write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = tuple[str, Sequence[str]]
_COLUMNS = 3


def save_comparison(compared: Comparison, rows: Sequence[Row], path: Path) -> None:
    """Write curves and last grids as .png, or with the table as .html.

    Args:
        rows: of the table, a heading and a value for each run.
    Raises: WganError for another ending.
    """
    if path.suffix.lower() not in (".png", ".html"):
        raise WganError(f"--out {path} ends in neither .png nor .html", f"write --out {path.stem or 'compared'}.png")
    make_parent(path)
    if path.suffix.lower() == ".png":
        figure = _curves(compared, with_grids=True)
        write_atomically(path, lambda file: figure.savefig(file, format="png", dpi=100))
    else:
        page = _page(compared, rows).encode("utf-8", "replace")
        write_atomically(path, lambda file: file.write(page))


def _curves(compared: Comparison, with_grids: bool) -> Figure:
    """A panel for each number that any run has logged, a line in it for each run, and the grids below."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it would tell of its cache folder
    from matplotlib.figure import Figure

    records = [record for run in compared.runs for record in run.history]
    scores = score_names(records)
    terms = [*term_names(records), *scores]
    rows = -(-len(terms) // _COLUMNS)
    high = 4.0 if with_grids else 0.0
    figure = Figure(figsize=(5.0 * _COLUMNS, max(1.0, 2.6 * rows + high + 0.4)), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(max(1e-3, 2.6 * rows), high)) if high else (figure, None)
    for place, term in enumerate(terms):
        axes = above.add_subplot(rows, _COLUMNS, place + 1)
        for number, (name, run) in enumerate(zip(compared.names, compared.runs, strict=True)):
            points = [(record["step"], record[term]) for record in run.history if term in record]
            if points:
                steps, values = zip(*points, strict=True)
                # One colour for a run in every panel; the ten colours come again as dashes.
                axes.plot(
                    steps, values if term in scores else smoothed(values), f"C{number % 10}", label=name,
                    linewidth=1.3, linestyle="--" if number >= 10 else "-",
                )  # fmt: skip
        axes.set_title(term.replace("_", " "), fontsize=10)
        axes.set_xlabel("step", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7)
    if below is not None:
        _show_grids(below, compared)
    return figure


def _show_grids(figure: Figure, compared: Comparison) -> None:
    for place, (name, run, grid) in enumerate(zip(compared.names, compared.runs, compared.grids, strict=True)):
        axes = figure.add_subplot(1, len(compared.names), place + 1)
        axes.set_axis_off()
        axes.set_title(f"{name}, step {run.step:,}" if grid else f"{name}: no grid yet", fontsize=9)
        if grid:
            axes.imshow(open_picture(grid).convert("RGB"), interpolation="nearest")


_STYLE = """
:root { color-scheme: light dark; --line: #8884; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .8rem; text-align: left; vertical-align: top; }
td { font-variant-numeric: tabular-nums; }
figure { display: inline-block; margin: 1rem 1rem 1rem 0; max-width: 100%; vertical-align: top; }
img { max-width: 100%; background: #fff; }
img.grid { image-rendering: pixelated; min-width: 18rem; }
"""


def _page(compared: Comparison, rows: Sequence[Row]) -> str:
    def cells(kind: str, values: Sequence[str]) -> str:
        return "".join(f"<{kind}>{escape(value)}</{kind}>" for value in values)

    table = "".join(f"<tr><th>{escape(heading)}</th>{cells('td', values)}</tr>" for heading, values in rows)
    grids = "".join(
        f'<figure><img class="grid" alt="samples of {escape(name)}" src="{_inline(_png(grid))}">'
        f"<figcaption>{escape(name)}, step {run.step:,}</figcaption></figure>"
        for name, run, grid in zip(compared.names, compared.runs, compared.grids, strict=True)
        if grid
    )
    drawn = io.BytesIO()
    _curves(compared, with_grids=False).savefig(drawn, format="png", dpi=110)
    title = escape(" and ".join(compared.names))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style><h1>{title}</h1>'
        f"<table><tr><th></th>{cells('th', compared.names)}</tr>{table}</table>"
        f'<h2>Samples</h2>{grids}<h2>Curves</h2><img alt="curves" src="{_inline(drawn.getvalue())}"></html>'
    )


def _png(path: Path) -> bytes:
    """A picture of a run anew, whatever lies there."""
    encoded = io.BytesIO()
    open_picture(path).save(encoded, format="PNG")
    return encoded.getvalue()


def _inline(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"
