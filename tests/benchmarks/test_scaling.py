"""What a step costs as it grows: which points are measured, the line to predict from, the picture."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from wgan_cli.errors import WganError

SIZES = [4.0, 16.0, 64.0, 256.0]


@pytest.fixture
def scaling(benchmark):
    return benchmark("scaling")


def test_one_thing_grows_at_a_time_and_no_point_runs_twice(scaling):
    points = scaling.points(scaling.AXES)
    base = scaling.Point("mlp")
    assert len(points) == len(set(points))
    for family in scaling.RECIPES:
        own = [point for point in points if point.family == family]
        for point in own:
            changed = [name for name in scaling.AXES if getattr(point, name) != getattr(base, name)]
            assert len(changed) <= 1
        for axis, values in scaling.AXES.items():
            assert {getattr(point, axis) for point in own} == set(values)
            assert getattr(base, axis) in values, "the base lies on every axis"


@pytest.mark.parametrize("family", ["mlp", "dcgan"])
def test_a_point_has_the_recipe_with_its_batch_and_widths(scaling, family):
    key = "widths" if family == "mlp" else "channels"
    whole = scaling.recipe_of(scaling.Point(family), "off")
    half = scaling.recipe_of(scaling.Point(family, batch_size=7, width=0.5), "off")
    assert half.batch_size == 7
    for role in ("generator", "critic"):
        before, after = (getattr(getattr(recipe.model, role), key) for recipe in (whole, half))
        assert after == tuple(width // 2 for width in before)
    assert half.model.latent_dim == whole.model.latent_dim and half.objective == whole.objective


@pytest.mark.parametrize(("fixed", "each"), [(0.02, 1e-4), (8e8, 1e5), (1e-3, 0.5), (3.0, 0.0)])
def test_a_straight_line_is_found(scaling, fixed, each):
    line = scaling.straight_line(SIZES, [fixed + each * size for size in SIZES])
    assert line["fixed"] == pytest.approx(fixed, rel=1e-3)
    assert line["each"] == pytest.approx(each, rel=1e-3, abs=1e-9)
    assert line["worst"] < 1e-9


def test_the_line_says_how_far_it_is_off(scaling):
    line = scaling.straight_line([1.0, 2.0, 3.0], [1.0, 3.0, 3.0])
    errors = [abs(line["fixed"] + line["each"] * x - y) / y for x, y in ((1, 1), (2, 3), (3, 3))]
    assert line["worst"] == pytest.approx(max(errors), rel=1e-2)
    assert line["worst"] > 0.05
    # Without weights the great value alone would decide, and 1 and 2 would be 25% off.
    assert scaling.straight_line([1.0, 2.0, 1000.0], [2.0, 2.0, 1000.0])["worst"] < 0.24


def test_points_are_measured_in_processes_of_their_own_and_drawn(scaling, monkeypatch, tmp_path, capsys):
    axes = {"batch_size": (64, 2), "image_size": (28,), "width": (1,)}
    monkeypatch.setattr(scaling, "QUICK", axes)
    out = tmp_path / "scaling.json"
    options = ["--quick", "--amp", "off", "--seconds", "0.01", "--threads", "1", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["scaling.py", *options])
    monkeypatch.setattr(scaling, "RECIPES", {"dcgan": "mnist_dcgan"})
    processes = []
    apart = scaling.measured_apart
    monkeypatch.setattr(scaling, "measured_apart", lambda point, words: processes.append(point) or apart(point, words))
    scaling.main()

    result = json.loads(out.read_text(encoding="utf-8"))
    assert len(processes) == len(result["points"]) == 2
    assert [point["batch_size"] for point in result["points"]] == [64, 2]
    base, small = (point["peak_bytes"] for point in result["points"])
    for point in result["points"]:
        assert point["amp"] == "off" and point["n_critic"] == 1
        assert 0 < point["start_bytes"] <= point["peak_bytes"]
        assert 0 < point["seconds_per_step"]["min"] <= point["seconds_per_step"]["max"]
    (line,) = result["lines"]
    assert line["bytes"]["fixed"] + 2 * line["bytes"]["each"] == pytest.approx(small, rel=1e-2)
    assert line["bytes"]["fixed"] + 64 * line["bytes"]["each"] == pytest.approx(base, rel=1e-2)
    assert base > small
    assert "mnist_dcgan in float32" in capsys.readouterr().out
    with Image.open(out.with_suffix(".png")) as picture:
        assert picture.format == "PNG" and picture.width > 900


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_memory_that_was_taken_and_given_back_is_seen(scaling):
    block = bytearray(2**27)
    block[::4096] = b"x" * len(block[::4096])  # memory is taken when it is written to
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    held = pages * resource.getpagesize()
    del block
    # The system counts pages in lots, so its two accounts differ a little; the block is four times this slack.
    assert scaling.peak_bytes(torch.device("cpu")) >= held - 2**25


def test_a_point_that_fails_is_named(scaling):
    # 30 pixels do not halve twice.
    point = scaling.Point("dcgan", batch_size=3, image_size=30)
    with pytest.raises(WganError) as failed:
        scaling.measured_apart(point, ["--seconds", "0.01"])
    assert "dcgan with batch 3, 30 pixels and width 1" in failed.value.message
    assert "divisible by 4" in failed.value.message
    assert failed.value.status == 1
