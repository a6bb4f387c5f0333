"""metrics.jsonl survives crashes and resumes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wgan_cli.errors import WganError
from wgan_cli.runs.metrics_log import MAX_NAMES, MAX_RECORD, MetricsLog, read_metrics


@pytest.fixture
def log(tmp_path) -> MetricsLog:
    return MetricsLog(tmp_path / "metrics.jsonl")


def steps(records: list[dict]) -> list[int]:
    return [record["step"] for record in records]


def aside(log: MetricsLog) -> Path:
    return log.path.parent / "set-aside" / "metrics.jsonl"


def test_records_read_back_in_order(log):
    records = [{"step": step, "loss": -0.1 * step, "kimg": 1e-9} for step in (5, 10, 15)]
    for record in records:
        log.append(record)
    assert read_metrics(log.path) == records
    assert len(log.path.read_text().splitlines()) == 3


def test_missing_file(log):
    assert read_metrics(log.path) == []
    log.rewind(0, aside(log))
    assert read_metrics(log.path) == []


@pytest.mark.parametrize("half", ['{"step": 20, "lo', "{", '{"step": 20', "\x00\x00\x00", "[1, 2]", "7", '{"loss": 1}'])
def test_incomplete_line_is_removed(log, half):
    log.append({"step": 10})
    with open(log.path, "a") as file:
        file.write(half)  # what a crash in the middle of a write leaves: no end of line
    assert steps(read_metrics(log.path)) == [10]
    log.rewind(10, aside(log))
    log.append({"step": 20, "loss": 1.0})
    assert steps(read_metrics(log.path)) == [10, 20]
    assert [json.loads(line)["step"] for line in log.path.read_text().splitlines()] == [10, 20]


def test_rewind_sets_later_records_aside(log):
    for step in (5, 10):
        log.append({"step": step})
    log.rewind(10, aside(log))
    assert not aside(log).exists()
    for _ in range(2):
        log.append({"step": 15})
        log.rewind(10, aside(log))
    assert steps(read_metrics(log.path)) == [5, 10]
    assert steps(read_metrics(aside(log))) == [15, 15]


def test_missing_folder(tmp_path):
    with pytest.raises(WganError, match=r"cannot write .*metrics.jsonl: No such file"):
        MetricsLog(tmp_path / "gone" / "metrics.jsonl").append({"step": 1})


def test_rewind_keeps_every_number(log):
    records = [
        {"step": step, **{f"{step}_{i}": float(i) for i in range(MAX_NAMES)}, "text": "x"} for step in (5, 10, 15)
    ]
    for record in records:
        log.append(record)
    log.rewind(10, aside(log))
    assert [json.loads(line) for line in log.path.read_text().splitlines()] == records[:2]
    assert [json.loads(line) for line in aside(log).read_text().splitlines()] == records[2:]


def test_rewind_keeps_long_records(log):
    long = {"step": 5, **{f"a number of a callback, {number}": 1.0 for number in range(3000)}}
    log.append(long)
    log.append({"step": 10})
    assert len(log.path.read_bytes()) > MAX_RECORD and steps(read_metrics(log.path)) == [10]
    log.rewind(10, aside(log))
    assert [json.loads(line) for line in log.path.read_text().splitlines()] == [long, {"step": 10}]


def test_surplus_names_are_not_read(log):
    for step in (5, 10):
        log.append({"step": step, **{f"n{step * i}": 1.0 for i in range(MAX_NAMES)}})
    first, second = read_metrics(log.path)
    assert steps([first, second]) == [5, 10] and len(first) == MAX_NAMES
    assert second.keys() < first.keys()


def test_old_names_of_scores(log):
    log.append({"step": 1, "distance": 7.0})
    log.append({"step": 2, "distance": 7.0, "fd": 2.5})
    assert [record["fd"] for record in read_metrics(log.path)] == [7.0, 2.5]
