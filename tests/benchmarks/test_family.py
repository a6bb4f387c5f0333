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

    told = benchmark("readme").family(out)
    row = told.splitlines()[2].split(" | ")
    assert row[0] == "| `mnist_cgan`" and row[2:4] == ["gan", "mlp, classes"] and row[6].endswith("% as asked")
    assert "docs/family/mnist_cgan.png" in row[7] and "of 40 samples" in told

    monkeypatch.setattr(family, "measure", lambda *_: pytest.fail("the result was there already"))
    family.main()
    assert benchmark("readme").family(tmp_path / "none.json") == ""
