"""Comparison of several runs as a table and an image."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from PIL import Image

from wgan_cli.outputs.summary import BestFacts, inspect_run
from wgan_cli.report import comparison
from wgan_cli.report.comparison import compare
from wgan_cli.report.comparison_image import draw_comparison
from wgan_cli.runs.checkpoint import BestScore
from wgan_cli.runs.run_dir import RunDir


@pytest.fixture(scope="module")
def other(tmp_path_factory, trainer) -> RunDir:
    recipe = trainer.recipe("steps=8", "objective.gp_weight=3", "optim.critic.lr=0.002")
    return trainer.run(recipe, tmp_path_factory.mktemp("<b>odd") / "tiny")


@pytest.fixture(scope="module")
def gan(tmp_path_factory, trainer) -> RunDir:
    recipe = trainer.recipe("steps=2", "objective={name: gan, n_critic: 1}", "optim.critic.lr=0.002")
    return trainer.run(recipe, tmp_path_factory.mktemp("gan") / "gan")


def test_differences_and_losses(tiny_run, other):
    compared = compare([tiny_run.path, other.path])
    assert compared.settings == {"objective.gp_weight": (10.0, 3.0), "optim.critic.lr": (0.005, 0.002)}
    assert list(compared.losses) == ["critic_loss", "wasserstein", "gradient_penalty", "generator_loss"]
    last = [json.loads(run.metrics_file.read_text().splitlines()[-1]) for run in (tiny_run, other)]
    for name, values in compared.losses.items():
        assert values == tuple(record[name] for record in last)
    assert compared.grids == (tiny_run.sample_file(12), other.sample_file(8))
    first, second = compared.names
    assert first != second and first.endswith("/tiny") and second.endswith("/tiny")


def test_section_names_come_first(tiny_run, gan):
    settings = compare([tiny_run.path, gan.path]).settings
    assert settings["objective.name"] == ("wgan_gp", "gan")
    objective = [name for name in settings if name.startswith("objective.")]
    assert objective[0] == "objective.name" and "objective.gp_weight" in objective
    assert not {"objective.label_smoothing", "objective.saturating"} & set(objective)  # of one run only, and off


def test_colors_identify_runs(tiny_run, gan):
    figure = draw_comparison(compare([tiny_run.path, gan.path]))
    lines = [line for axes in figure.axes for line in axes.get_lines()]
    colors = {(line.get_label(), line.get_color()) for line in lines}
    assert len({label for label, _ in colors}) == len({color for _, color in colors}) == len(colors) == 2
    assert len(lines) > len(colors)  # some terms exist in one run only


def test_table_and_image(wgan, tiny_run, other):
    shown = wgan("compare", tiny_run.path, other.path, "--out", "new/both.png")
    assert shown.status == 0, shown.stderr
    rows = {line.split()[0]: line.split()[1:] for line in shown.stdout.splitlines()[1:]}
    assert rows["objective.gp_weight"] == ["10", "3"]
    assert rows["step"] == ["12", "of", "12", "8", "of", "8"]
    with Image.open("new/both.png") as picture:
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 10
    facts = json.loads(wgan("compare", tiny_run.path, other.path, "--json").stdout)
    assert facts["settings"]["objective.gp_weight"] == [10.0, 3.0]


@pytest.mark.parametrize("counts", [(50, 60), (50, 50)])
def test_best_scores(wgan, tiny_run, other, monkeypatch, counts):
    facts = {}
    for run, count in zip((tiny_run, other), counts, strict=True):
        best = BestFacts("", 4, BestScore("fd", 2.5, f"{count} images in these"))
        facts[run.path] = replace(inspect_run(run.path), best=best, kimg=0.5, seconds=4.0, overhead_seconds=3.0)
    monkeypatch.setattr(comparison, "inspect_run", facts.__getitem__)
    shown = wgan("compare", tiny_run.path, other.path)
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in shown.stdout.splitlines()}
    assert rows["best"] == "FD 2.5 at step 4 FD 2.5 at step 4"
    assert rows["images/s"] == "500 500"
    assert ("don't compare" in shown.stderr) == ("60 images in these" in rows.get("measured", "")) == (counts[1] == 60)


def test_refused_arguments(wgan, tiny_run, other, tmp_path):
    for words, error, hint in [
        ((tiny_run.path,), "one run", "wgan compare"),
        ((tiny_run.path, tiny_run.path / "."), f"{tiny_run.path} is given twice", "once"),
        ((tiny_run.path, tmp_path), "no recipe.yaml", ""),
        ((tiny_run.path, other.path, "--out", "x.pdf"), "--out x.pdf", "--out x.png"),
        ((tiny_run.path, other.path, "--out", "x.html"), "--out x.html", f"wgan report {tiny_run.path}"),
        ([tmp_path / str(number) for number in range(13)], "13 runs", "at most 12"),
    ]:
        refused = wgan("compare", *words)
        assert refused.status == 2 and error in refused.error and hint in refused.hint


def test_run_without_records_and_broken_grid(trainer, tiny_run, wgan, tmp_path):
    new = trainer.run(trainer.recipe("steps=5"), tmp_path / "new", stop_after=0)
    assert wgan("compare", new.path, tiny_run.path, "--out", "new.png").status == 0
    new.sample_files()[-1].write_bytes(b"no picture")
    broken = wgan("compare", new.path, tiny_run.path, "--out", "broken.png")
    assert broken.status == 2 and "step_00000000.png" in broken.error
