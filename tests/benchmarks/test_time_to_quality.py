"""Ours and the textbook's are measured on the same data, with what their clocks count; the page says no more."""

from __future__ import annotations

import json
import sys
import types

import pytest
from PIL import Image

from wgan_cli.errors import WganError
from wgan_cli.recipe import load_recipe
from wgan_cli.recipe.data_settings import DataSettings

TINY = """
data: {source: folder, path: PATH, image_size: 8}
model: {name: dcgan, latent_dim: 2, generator: {channels: [4]}, critic: {channels: [4]}}
objective: {name: wgan_gp, n_critic: 2}
steps: 10
batch_size: 4
threads: 1
"""


@pytest.fixture
def quality(benchmark):
    return benchmark("time_to_quality")


@pytest.fixture
def run(quality, monkeypatch, tmp_path, sixty_images):
    """Run both kinds of contestants on sixty small images; returns what the file then holds."""
    recipe = tmp_path / "tiny.yaml"
    recipe.write_text(TINY.replace("PATH", str(sixty_images)), encoding="utf-8")
    contestants = {
        "theirs": quality.Contestant(str(recipe), (0.002, 0.004, 5), textbook=True, settings=("steps=99",)),
        "ours": quality.Contestant(str(recipe), (0.03, 5)),
    }
    monkeypatch.setattr(quality, "CONTESTANTS", contestants)
    monkeypatch.setattr(quality, "DATA", DataSettings(source="folder", path=str(sixty_images), image_size=8))
    monkeypatch.setattr(quality, "SHORT", 3)

    def call(*options):
        out = tmp_path / "found" / "quality.json"
        fixed = ["--data-root", str(tmp_path / "cache"), "--images", "12", "--minutes-most", "0.1", "--out", str(out)]
        monkeypatch.setattr(sys, "argv", ["time_to_quality.py", *fixed, *options])
        quality.main()
        return json.loads(out.read_text(encoding="utf-8"))["contestants"]

    return call


def test_a_tiny_run_of_both_kinds(quality, run, monkeypatch, capsys):
    found = run()
    theirs, ours = found["theirs"], found["ours"]
    first, second = theirs["points"]
    assert (first["minutes"], second["minutes"]) == (0.002, 0.004)
    assert 60 * first["minutes"] <= first["seconds"] < second["seconds"]
    assert 0 < first["steps"] < second["steps"]
    (own,) = ours["points"]
    assert own["steps"] >= 1 and own["seconds"] > 0.5, "the stopwatch runs from the start of the process"
    assert own["real_baseline"] == first["real_baseline"] and own["features"] == first["features"]
    for contestant in (theirs, ours):
        assert contestant["machine"]["processor"] and len(contestant["cores_used_by_others"]) == 2
    assert "longer than" in capsys.readouterr().out

    monkeypatch.setattr(quality, "measure", lambda *_: pytest.fail("complete already"))
    assert run("--only", "ours") == found


def test_a_run_that_took_too_long_is_planned_again_by_what_it_took(quality, monkeypatch, tmp_path):
    """Start 4 s, and 10 ms a step at first, 20 ms once the machine is busy."""
    asked = []

    def train(_, __, ___, out, options):
        asked.append(int(options[1]))
        each = 0.01 if len(asked) < 3 else 0.02
        return 4 + each * asked[-1], 4.0, each

    checkpoint = types.SimpleNamespace(step=7, recipe=None)
    monkeypatch.setattr(quality, "wgan_train", train)
    monkeypatch.setattr(quality, "load_generator", lambda *_: (None, checkpoint))
    monkeypatch.setattr(quality, "figures", lambda *_: {"fd": 1.0})
    results = quality.page.Results(tmp_path / "found.json")
    results.contestants["ours"] = {"points": [{"minutes": 3, "fd": 5.0}]}
    keep = quality.page.Keep("ours", {}, results, lambda point: None)
    quality.our_points(quality.Contestant("x", (1, 3)), tmp_path, None, quality.torch.device("cpu"), keep)
    assert asked == [1, quality.SHORT, 5510, 2755], "of 59.1 s, and none for three minutes, which are there"
    points = results.contestants["ours"]["points"]
    assert [(point["minutes"], point["fd"]) for point in points] == [(1, 1.0), (3, 5.0)]
    assert points[0]["seconds"] == pytest.approx(59.1)


def test_a_program_that_fails_says_why(quality, tmp_path):
    contestant = quality.Contestant(str(tmp_path / "none.yaml"), (1,))
    with pytest.raises(WganError, match="none.yaml"):
        quality.wgan_train(contestant, tmp_path, quality.torch.device("cpu"), tmp_path / "out", [])


def test_the_textbooks_rates_are_their_own_whatever_ours_become(quality):
    for name, rate, betas in (("textbook MLP", 2e-4, (0.5, 0.999)), ("textbook DCGAN", 1e-4, (0.0, 0.9))):
        contestant = quality.CONTESTANTS[name]
        tuned = ("optim.critic.lr=0.5", "optim.generator.lr=0.5", "objective.n_critic=1", "model.latent_dim=3")
        recipe = load_recipe(
            contestant.recipe, [*tuned, "batch_size=8", "optim.lr_schedule=linear", *contestant.settings]
        )
        assert recipe == load_recipe(contestant.recipe, contestant.settings)
        for role in (recipe.optim.generator, recipe.optim.critic):
            assert (role.lr, role.betas) == (rate, betas)
        assert (recipe.objective.n_critic, recipe.batch_size, recipe.optim.lr_schedule) == (5, 64, "none")


def test_budgets_are_cut_and_one_is_always_left(quality):
    contestant = quality.Contestant("mnist_mlp", (1, 3, 5))
    assert quality.shortened(contestant, None).minutes == (1, 3, 5)
    assert quality.shortened(contestant, 3).minutes == (1, 3)
    assert quality.shortened(contestant, 0.2).minutes == (0.2,)


def results():
    """Two contestants as their file holds them."""
    machine = {"device_name": "Some CPU", "threads": 2}
    facts = {"machine": machine, "versions": {"torch": "2.9.1", "python": "3.12.3"}, "settings": {"device": "cpu"}}
    facts |= {"date": "2026-01-31T12:00:00+00:00", "cores_used_by_others": [0.0, 0.0]}
    point = {"minutes": 1, "seconds": 59.5, "steps": 1234, "fd": 7.25, "real_baseline": 0.2, "images": 10_000}
    point |= {"class_entropy": 0.991, "rarest": 0.071, "recall": 0.75}
    ours = {**facts, "what": "`wgan train --recipe mnist_dcgan --steps ...`", "points": [point]}
    theirs = {**facts, "what": "mlp", "points": [{**point, "fd": 97.0}, {**point, "minutes": 10, "seconds": 600}]}
    return {"mnist_dcgan": ours, "textbook MLP": theirs}


def test_the_page_and_its_plot(quality, tmp_path):
    quality.page.write(results(), tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "| mnist_dcgan | 1 | 59.5 | 1,234 | 7.25 | 0.2 | 0.991 | 7% | 0.75 |" in text
    assert text.count("| textbook MLP |") == 2 and "Scored by 10,000 images" in text
    assert "Some CPU with 2 threads, torch 2.9.1" in " ".join(text.split())
    with Image.open(tmp_path / "page.png") as plot:
        assert plot.format == "PNG" and plot.width > 500


def test_the_committed_page_says_what_the_committed_results_say(quality, benchmark):
    file = benchmark("common").RESULTS / "time_to_quality.json"
    if file.exists():
        text = quality.page.DOC.read_text(encoding="utf-8")
        assert text == quality.page.document(quality.page.Results(file).contestants), "run it with --page"
        assert quality.page.DOC.with_suffix(".png").is_file()
