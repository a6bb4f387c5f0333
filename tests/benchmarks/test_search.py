"""The search trains and scores what it says it does, keeps what it has, and its page says what was measured."""

from __future__ import annotations

import json
import sys

import pytest

from wgan_cli.errors import WganError

TINY = """
data: {source: folder, path: PATH, image_size: 8}
model: {name: dcgan, latent_dim: 2, generator: {channels: [4]}, critic: {channels: [4]}}
objective: wgan_gp
steps: 10
batch_size: 4
threads: 1
"""


@pytest.fixture
def search(benchmark):
    return benchmark("search")


@pytest.fixture
def recipe(tmp_path, sixty_images):
    """A recipe's file, with sixty images of its own."""
    file = tmp_path / "tiny.yaml"
    file.write_text(TINY.replace("PATH", str(sixty_images)), encoding="utf-8")
    return file


def run(search, monkeypatch, tmp_path, what, *options):
    """Run the search, and return what its file then holds."""
    out = tmp_path / "found" / "search.json"
    arguments = [str(what), "--data-root", str(tmp_path / "cache"), "--images", "12", "--out", str(out), *options]
    monkeypatch.setattr(sys, "argv", ["search.py", *arguments])
    monkeypatch.setattr(search, "milliseconds_per_step", lambda recipes, *_: [10.0 * r.batch_size for r in recipes])
    search.main()
    return json.loads(out.read_text(encoding="utf-8"))["runs"]


def test_the_best_train_for_longer_and_nothing_is_measured_twice(search, monkeypatch, tmp_path, recipe, capsys):
    options = ["--minutes", "0.008", "--rungs", "0.5", "1", "--vary", "batch_size=[4, 8]"]
    options += ["--vary", "optim.critic.lr,optim.generator.lr=[0.001, 0.01]"]
    runs = run(search, monkeypatch, tmp_path, recipe, *options)
    short = [each for each in runs if each["minutes"] == 0.004]
    long = [each for each in runs if each["minutes"] == 0.008]
    assert len(short) == 4 and len(long) == 2
    kept = sorted(short, key=lambda each: each["fd"])[:2]
    assert sorted(each["settings"] for each in long) == sorted(each["settings"] for each in kept)
    for each in runs:
        assert each["steps"] == round(60_000 * each["minutes"] / each["ms_per_step"])
        assert each["ms_per_step"] == 10.0 * each["chosen"]["batch_size"]
        assert each["chosen"]["optim.critic.lr"] == each["chosen"]["optim.generator.lr"]
        assert each["real_baseline"] > 0 and each["images"] == 12
        assert each["machine"]["processor"] and each["versions"]["torch"]
    monkeypatch.setattr(search, "measure", lambda *_: pytest.fail("measured twice"))
    assert run(search, monkeypatch, tmp_path, recipe, *options) == runs
    assert "0.008 min" in capsys.readouterr().out


def test_the_steps_decide_the_result_and_not_the_clock(search, monkeypatch, tmp_path, recipe):
    options = ["--minutes", "0.004", "--rungs", "1"]
    (first,) = run(search, monkeypatch, tmp_path, recipe, *options)
    (second,) = run(search, monkeypatch, tmp_path, recipe, *options, "--again")
    assert first.pop("date") and second.pop("date")
    assert first == second


def test_minutes_of_another_machine_are_fitted_by_a_ratio(search, monkeypatch, tmp_path, recipe):
    options = ["--minutes", "0.002", "--rungs", "1", "--set", "batch_size=8", "--base-ms", "20"]
    (found,) = run(search, monkeypatch, tmp_path, recipe, *options)
    assert (found["ms_here"], found["ms_per_step"], found["steps"]) == (80.0, 40.0, 3)


def test_a_stop_keeps_what_was_measured(search, monkeypatch, tmp_path, recipe):
    measure, calls = search.measure, []

    def stopped(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return measure(*arguments)

    monkeypatch.setattr(search, "measure", stopped)
    with pytest.raises(SystemExit) as stop:
        run(search, monkeypatch, tmp_path, recipe, "--minutes", "0.002", "--vary", "batch_size=[4, 8]")
    assert stop.value.code == 130
    kept = json.loads((tmp_path / "found" / "search.json").read_text(encoding="utf-8"))["runs"]
    assert [each["settings"] for each in kept] == [["batch_size=4"]]


def test_numbers_that_are_none_end_last(search, monkeypatch, tmp_path, recipe):
    monkeypatch.setattr(search, "trained", lambda *_: None)
    (found,) = run(search, monkeypatch, tmp_path, recipe, "--minutes", "0.002", "--rungs", "1")
    assert "fd" not in found
    assert "| diverged |" in search.search_table.document([found])


def test_a_file_of_candidates(search, tmp_path):
    file = tmp_path / "candidates.yaml"
    file.write_text(
        "digits_dcgan: [{}, {batch_size: 32, optim.lr_schedule: none}]\nmnist_mlp: [{}]\n", encoding="utf-8"
    )
    first, second, third = search.candidates_of(str(file), [], ["seed=7"])
    assert (first.name, second.name, third.name) == ("digits_dcgan", "digits_dcgan", "mnist_mlp")
    assert (second.recipe.batch_size, second.recipe.optim.lr_schedule, second.recipe.seed) == (32, "none", 7)
    assert first.recipe.batch_size != 32


@pytest.mark.parametrize("vary", ["batch_size", "batch_size=32", "batch_size=[]", "=[1]"])
def test_choices_that_are_none_are_refused(search, vary):
    with pytest.raises(WganError):
        search.candidates_of("digits_dcgan", [vary], [])


def test_a_step_costs_the_same_whatever_its_numbers(benchmark):
    budget, load = benchmark("budget"), benchmark("search").load_recipe
    base = load("digits_dcgan", [])
    for same in ("optim.critic.lr=0.1", "seed=3", "steps=9", "model.init=he", "ema_decay=0.5", "objective.gp_weight=1"):
        assert budget._cost(load("digits_dcgan", [same])) == budget._cost(base)
    for other in ("batch_size=32", "objective.n_critic=2", "model.generator.channels=[8, 8]"):
        assert budget._cost(load("digits_dcgan", [other])) != budget._cost(base)


def test_results_of_before_a_setting_are_found_by_its_default(search):
    candidate = search.candidates_of("digits_dcgan", [], [])[0]
    now = {"recipe": "digits_dcgan", "minutes": 1.0, "images": 5000, "chosen": search.chosen(candidate.recipe)}
    before = {**now, "chosen": {k: v for k, v in now["chosen"].items() if k != "objective.path_length_weight"}}
    assert before["chosen"] != now["chosen"] and search.equal(before, now) and search.equal(now, before)
    other = search.candidates_of("digits_dcgan", [], ["objective.gp_points=real"])[0]
    assert not search.equal(before, {**now, "chosen": search.chosen(other.recipe)})
    assert not search.equal(before, {**now, "minutes": 3.0})


def test_the_page_tells_apart_what_differs(search):
    def run(distance, **settings):
        chosen = {"batch_size": 64, "optim.critic.lr": 0.005, "model.critic.channels": [16, 32], **settings}
        machine, versions = {"device_name": "Some CPU", "threads": 1}, {"torch": "2.9.1"}
        facts = {"machine": machine, "versions": versions, "date": "2026-01-31T12:00:00+00:00"}
        figures = {"fd": distance, "real_baseline": 0.2, "class_entropy": 0.99, "recall": 0.5, "images": 5000}
        ours = {"recipe": "mnist_dcgan", "minutes": 1.0, "steps": 2400, "ms_per_step": 24.6}
        return {**facts, **figures, **ours, "chosen": chosen}

    other = {**run(1.0, **{"model.critic.channels": [8, 8]}), "minutes": 5.0}
    text = search.search_table.document([run(6.5), run(5.25, batch_size=32), other])
    assert "| distance | entropy | recall | steps | ms a step | `batch_size` |" in text
    assert "| 5.25 | 0.990 | 0.50 | 2,400 | 24.6 | 32 |\n| 6.5 | 0.990 | 0.50 | 2,400 | 24.6 | 64 |" in text
    assert "All with `model.critic.channels` [16, 32].\n" in text and "optim.critic.lr" not in text
    assert "## mnist_dcgan, 1 minute\n" in text
    assert "batch_size" not in search.search_table.document([run(6.5)])


def test_the_committed_page_says_what_the_committed_results_say(search, benchmark):
    file = benchmark("common").RESULTS / "search.json"
    table = search.search_table
    assert table.DOC.read_text(encoding="utf-8") == table.document(search.Results(file).runs), (
        "run python benchmarks/search.py --table"
    )
