"""The commands that are timed do what their names say, and what is ours is a difference within a round."""

from __future__ import annotations

import json
import sys

import pytest

from wgan_cli.errors import WganError


@pytest.fixture
def startup(benchmark):
    return benchmark("startup")


def test_every_command_does_what_its_name_says(startup, tmp_path, tiny_run):
    timed = {command.name: command for command in startup.commands(str(tiny_run.path), "cpu")}
    for name in (startup.PYTHON, "wgan sample, 64 images", "wgan train, one step"):
        assert startup.seconds_of(timed[name].words(3), tmp_path, threads=1) > 0
    assert (tmp_path / "samples.png").is_file()
    records = (tmp_path / "first-step-3" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(record)["step"] for record in records] == [1]


def test_each_round_trains_into_a_folder_of_its_own(startup):
    (train,) = (command for command in startup.commands("run", "cpu") if command.name == "wgan train, one step")
    assert len({train.words(number)[-1] for number in range(5)}) == 5


def test_what_is_ours_is_taken_within_a_round(startup):
    timed = startup.commands("run", "cpu")
    # The machine is twice as slow in the second round; ours takes a second, and then two.
    found = {command.name: [1.0, 2.0, 1.0] for command in timed}
    found["wgan --help"] = [2.0, 4.0, 2.0]
    found["wgan inspect, a run"] = [9.0, 18.0, 9.0]
    found[startup.TORCH] = [4.0, 8.0, 4.0]
    rows = {row["command"]: row for row in startup.summary(timed, found)}
    assert rows["wgan --help"]["ours"] == {"beyond": startup.PYTHON, "median": 1.0, "min": 1.0, "max": 2.0}
    ours = rows["wgan inspect, a run"]["ours"]
    assert ours == {"beyond": startup.TORCH, "median": 5.0, "min": 5.0, "max": 10.0}
    assert "ours" not in rows[startup.TORCH]


def test_all_commands_run_in_every_round_in_turns(startup, monkeypatch, tmp_path):
    timed, calls = startup.commands("run", "cpu"), []
    monkeypatch.setattr(startup, "seconds_of", lambda words, folder, threads: float(calls.append(words) or len(calls)))
    found = startup.measure(timed, 3, tmp_path, threads=1)
    size = len(timed)
    first, *rounds = (calls[start : start + size] for start in range(0, len(calls), size))
    assert first == [command.words(0) for command in timed]
    assert rounds == [
        [command.words(1) for command in timed],
        [command.words(2) for command in reversed(timed)],
        [command.words(3) for command in timed],
    ]
    assert all(len(seconds) == 3 for seconds in found.values())


def test_a_command_that_fails_is_named_with_its_own_error(startup, tmp_path):
    with pytest.raises(WganError) as failed:
        startup.seconds_of(("-c", "import sys; print('so it is', file=sys.stderr); sys.exit(2)"), tmp_path, threads=1)
    assert "sys.exit(2)` ended with 2: so it is" in failed.value.message
    assert failed.value.status == 1


def test_the_table_shows_the_commands(startup, benchmark, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(startup, "seconds_of", lambda words, folder, threads: 1.25)
    out = tmp_path / "startup.json"
    monkeypatch.setattr(sys, "argv", ["startup.py", "--quick", "--out", str(out)])
    startup.main()
    result = json.loads(out.read_text(encoding="utf-8"))
    assert result["settings"]["rounds"] == 2
    shown = capsys.readouterr().out
    for row in result["commands"]:
        assert row["command"] in shown and row["seconds"]["median"] == 1.25
