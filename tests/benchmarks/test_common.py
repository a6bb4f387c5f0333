"""What all benchmarks share: spreads, turns, where results go, and what others do to the machine meanwhile."""

from __future__ import annotations

import argparse
import json
import sys

import pytest
import torch

from wgan_cli.recipe import ImageShape


@pytest.fixture
def common(benchmark):
    return benchmark("common")


def parsed(common, monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["some.py", *words])
    return common.parse(argparse.ArgumentParser(), "some")


def test_a_spread_has_four_digits(common):
    assert common.spread([1.23456, 99.9999, 3.0]) == {"median": 3.0, "min": 1.235, "max": 100.0}
    assert common.spread(value for value in (2.0, 1.0)) == {"median": 1.5, "min": 1.0, "max": 2.0}


def test_every_second_round_runs_backwards(common):
    assert "".join(common.in_turns("abc", 3)) == "abccbaabc"


class Clock:
    """A clock that only steps move, and a device that is waited for."""

    def __init__(self, per_step):
        self.now, self.per_step, self.queue, self.most = 0.0, per_step, 0, 0

    def step(self):
        self.queue += 1

    def wait(self, device):
        self.most = max(self.most, self.queue)
        self.now += self.queue * self.per_step
        self.queue = 0


@pytest.mark.parametrize(("per_step", "longest"), [(0.001, 1.01), (0.3, 1.2), (5.0, 5.0)])
def test_a_rate_waits_for_the_device_and_does_not_overrun(common, monkeypatch, per_step, longest):
    clock = Clock(per_step)
    monkeypatch.setattr(common.time, "perf_counter", lambda: clock.now)
    monkeypatch.setattr(common, "wait", clock.wait)
    assert common.steps_per_second(clock.step, 1.0, torch.device("cpu")) == pytest.approx(1 / per_step)
    assert 1.0 <= clock.now <= longest + 1e-9
    assert clock.queue == 0
    assert clock.most <= max(1, 0.5 / per_step)  # steps that were asked for without a look at the clock


def test_quick_results_never_pass_for_whole_ones(common, monkeypatch):
    assert parsed(common, monkeypatch).out == common.RESULTS / "some.json"
    assert parsed(common, monkeypatch, "--quick").out == common.RESULTS / "quick" / "some.json"
    assert parsed(common, monkeypatch, "--out", "there.json").out.name == "there.json"
    monkeypatch.setattr(common, "resolve_device", torch.device)
    assert parsed(common, monkeypatch, "--device", "cuda:1").out == common.RESULTS / "some-cuda.json"


def test_a_device_that_is_not_there_is_named(common, monkeypatch, capsys):
    with pytest.raises(SystemExit) as stopped:
        common.run(lambda: parsed(common, monkeypatch, "--device", "abacus"))
    error, hint = capsys.readouterr().err.splitlines()
    assert stopped.value.code == 2
    assert error == "error: device 'abacus' is not available" and hint.startswith("hint: choose one of: auto, cpu")


def test_others_are_seen_while_this_process_waits(common, monkeypatch):
    def times(*pairs):
        readings = iter(pairs)
        monkeypatch.setattr(common, "_core_times", lambda: next(readings))

    monkeypatch.setattr(common.os, "cpu_count", lambda: 4)
    times((1000, 4000), (1025, 4100))  # a quarter of the time idle: three cores of four at work
    assert common.cores_in_use(seconds=0) == 3.0
    times((1000, 4000), (1100, 4100))
    assert common.cores_in_use(seconds=0) == 0.0
    times((1000, 4000), (1000, 4000))  # no tick of the clock between them
    assert common.cores_in_use(seconds=0) is None
    times(None, None)
    assert common.cores_in_use(seconds=0) is None


def test_a_result_says_where_it_comes_from_and_warns_of_a_busy_machine(common, monkeypatch, tmp_path, capsys):
    used = iter([0.0, 1.5])
    monkeypatch.setattr(common, "cores_in_use", lambda: next(used))
    result = common.facts(torch.device("cpu"))
    out = tmp_path / "new" / "result.json"
    common.finish(result, out, common.make_console())
    written = json.loads(out.read_text(encoding="utf-8"))
    assert written["cores_used_by_others"] == [0.0, 1.5]
    assert written["machine"]["threads"] == torch.get_num_threads() and written["versions"]["torch"]
    assert written["date"].startswith("20")
    assert "repeat this on an idle machine" in capsys.readouterr().out


def test_made_up_images_have_the_shape_and_every_class(common):
    images = common.made_up_images(ImageShape(12, 3, 5), 16)
    assert (images.shape, len(images)) == (ImageShape(12, 3, 5), 16)
    assert set(images.labels.tolist()) == set(range(5))
    assert common.made_up_images(ImageShape(12, 1), 4).labels.tolist() == [0, 0, 0, 0]
