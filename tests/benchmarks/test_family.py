"""The family's table: trained by the program, measured, drawn, and not trained again without need."""

from __future__ import annotations

import json
import sys

import pytest
from PIL import Image

SMALL = ("data.source=digits", "steps=2", "batch_size=8", "sample_grid=2")


@pytest.fixture
def family(benchmark):
    return benchmark("family")


def test_a_member_is_trained_measured_drawn_and_told(family, benchmark, monkeypatch, features_root, tmp_path, capsys):
    out = tmp_path / "family.json"
    settings = [word for setting in SMALL for word in ("--set", setting)]
    words = ["--data-root", features_root, "--images", 40, "--out", out, *settings, "--only", "mnist_cgan"]
    monkeypatch.setattr(sys, "argv", ["family.py", *map(str, words)])
    family.main()
    assert "mnist_cgan: " in capsys.readouterr().out
    result = json.loads(out.read_text())["mnist_cgan"]
    assert (result["steps"], result["images"]) == (2, 40)
    assert result["paper"] == "Mirza and Osindero 2014" and 0 <= result["agreement"] <= 1
    with Image.open(tmp_path / "family" / "mnist_cgan.png") as picture:
        assert picture.size == (2 * (10 * 30 + 2), 2 * (30 + 2))

    told = benchmark("pages").family(out)
    row = told.splitlines()[2].split(" | ")
    assert row[0] == "| `mnist_cgan`" and row[2:4] == ["gan", "mlp, classes"] and row[7].endswith("% as asked")
    assert "(family/mnist_cgan.png)" in row[8] and "of 40 samples" in told

    monkeypatch.setattr(family, "measure", lambda *_: pytest.fail("the result was there already"))
    monkeypatch.setattr(family, "STEPS_FOR_MEMORY", 2)
    out.write_text(json.dumps({"mnist_cgan": {name: value for name, value in result.items() if name != "memory"}}))
    family.main()
    again = json.loads(out.read_text())["mnist_cgan"]
    assert again == {**result, "memory": again["memory"]} and 0.5 < again["memory"] / result["memory"] < 2
    assert benchmark("pages").family(tmp_path / "none.json") == ""


SIDES = ("data.a={source: digits, limit: 40}", "data.b={source: digits, limit: 40, transform: invert}")
SMALL_TRANSLATOR = (*SIDES, "model.generator.channels=4", "model.critic.channels=[4, 8]", "steps=2", "sample_grid=2")


@pytest.mark.parametrize(
    ("name", "settings", "told", "size"),
    [
        ("mnist_cyclegan", SMALL_TRANSLATOR, "off the right answer (untranslated ", (2 * (12 * 30 + 2), 2 * (30 + 2))),
        ("mnist_cvae_gan", SMALL, "% keep the class", (2 * (5 * 58 + 2), 2 * (30 + 2))),
    ],
)
def test_systems_are_measured_by_what_they_are_for(
    family, benchmark, monkeypatch, features_root, tmp_path, name, settings, told, size
):
    out = tmp_path / "family.json"
    words = ["--data-root", features_root, "--images", 40, "--out", out, "--only", name]
    monkeypatch.setattr(sys, "argv", ["family.py", *map(str, words), *(f"--set={setting}" for setting in settings)])
    family.main()
    row = benchmark("pages").systems(out).splitlines()[2].split(" | ")
    assert row[0] == f"| `{name}`" and told in row[4] and f"family/{name}.png" in row[5]
    assert 0.1 < float(row[3]) < 10  # GB, for a process that imports torch
    assert benchmark("pages").family(out) == ""
    with Image.open(tmp_path / "family" / f"{name}.png") as picture:
        assert picture.size == size


def test_results_of_before_a_setting_are_of_the_recipe_with_its_default(family):
    wanted = family.load_recipe("mnist_gan", []).as_dict()
    older = {**wanted, "objective": {k: v for k, v in wanted["objective"].items() if k != "path_length_weight"}}
    assert family.completed(older) == wanted != older
    assert family.completed({**older, "objective": {"name": "of old"}}) == {}
