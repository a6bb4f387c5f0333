"""Promises that tests keep, and the table of them in docs/reliability.md, which only tests write.

A test that really does what a promise speaks of says so with the fixture `promise`. `pytest --write-reliability` runs
those tests alone, the slow ones too, and writes what they saw; other rows of the table stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pytest

TABLE = Path(__file__).parents[1] / "docs" / "reliability.md"
HEAD = """# Reliability

What `wgan` promises, how it is tested, and what the last run of the tests saw. Tests write this page (`make soak`,
`make fuzz`); an edit by hand is lost.

| promise | how it is tested | cases | survived | lost | last run |
| --- | --- | ---: | ---: | ---: | --- |
"""
_PROPERTY = "promise"


@dataclass(frozen=True)
class Kept:
    """A row of the table. cases: how often it was tried; lost: things (files, steps, records) that were not kept."""

    promise: str
    how: str
    cases: int
    survived: int
    lost: int
    day: str

    def __add__(self, other: Kept) -> Kept:
        """Two tests of one promise are a row; it says how each is done."""
        how = self.how if other.how in self.how else f"{self.how}; {other.how}"
        return replace(
            other,
            how=how,
            cases=self.cases + other.cases,
            survived=self.survived + other.survived,
            lost=self.lost + other.lost,
        )


def read_table(text: str) -> list[Kept]:
    """The rows of a page that `written` made."""
    rows = []
    for line in text.splitlines():
        cells = [cell.strip().replace("&#124;", "|") for cell in line.strip("|").split("|")]
        if len(cells) == 6 and cells[2].replace(",", "").isdigit():
            numbers = (int(cell.replace(",", "")) for cell in cells[2:5])
            rows.append(Kept(cells[0], cells[1], *numbers, cells[5]))
    return rows


def written(rows: Iterable[Kept]) -> str:
    """The page with these rows, by the promises' letters so that a new run changes only what it saw."""
    lines = []
    for row in sorted(rows, key=lambda row: row.promise):
        numbers = (f"{number:,}" for number in (row.cases, row.survived, row.lost))
        cells = (" ".join(cell.split()).replace("|", "&#124;") for cell in (row.promise, row.how, *numbers, row.day))
        lines.append(f"| {' | '.join(cells)} |\n")
    return HEAD + "".join(lines)


def merged(before: Iterable[Kept], seen: Iterable[Kept]) -> list[Kept]:
    """Rows of a table after a run: what it saw takes the place of the row with the same promise."""
    new: dict[str, Kept] = {}
    for row in seen:
        new[row.promise] = new[row.promise] + row if row.promise in new else row
    return list({**{row.promise: row for row in before}, **new}.values())


@pytest.fixture
def promise(record_property) -> Callable[..., None]:
    """Call it at the end of a test: promise("text of the promise", how="kills a process", cases=50, lost=0).

    survived: cases that ended as promised; default all of them. A test that fails counts for nothing.
    """

    def keep(text: str, how: str, cases: int = 1, survived: int | None = None, lost: int = 0) -> None:
        survived = cases if survived is None else survived
        record_property(_PROPERTY, [text, how, cases, survived, lost, date.today().isoformat()])  # plain, for xdist

    return keep


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-reliability", action="store_true", help="run the tests of promises, slow ones too, and write the table"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--write-reliability"):
        config.pluginmanager.register(_Writer(), "reliability-writer")


class _Writer:
    """Collects what tests recorded and writes it into the table, unless one of them failed."""

    def __init__(self) -> None:
        self.seen: list[Kept] = []
        self.said = ""

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        chosen = [item for item in items if "promise" in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            self.seen += [Kept(*value) for name, value in report.user_properties if name == _PROPERTY]

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if session.testsfailed or not self.seen:
            self.said = "docs/reliability.md is left as it was: a test failed, or none recorded a promise"
            return
        before = read_table(TABLE.read_text(encoding="utf-8")) if TABLE.exists() else []
        TABLE.write_text(written(merged(before, self.seen)), encoding="utf-8")
        self.said = f"docs/reliability.md: {len({row.promise for row in self.seen})} promises written"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.write_line(self.said)
