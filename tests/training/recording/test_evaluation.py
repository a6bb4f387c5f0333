"""Evaluation during training: scores, the best generator, and no effect on the training itself."""

from __future__ import annotations

import shutil

import pytest
import torch
from conftest import MLP
from helpers.same_run import assert_same, assert_same_run, events, untimed
from PIL import Image

from wgan_cli.errors import WganError
from wgan_cli.outputs.curves import draw_curves
from wgan_cli.outputs.sampling import open_generator
from wgan_cli.recipe.scores import LOGGED
from wgan_cli.runs.checkpoint import load_checkpoint
from wgan_cli.runs.metrics_log import read_metrics
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.training.callback import Callback
from wgan_cli.training.loop import training_loop
from wgan_cli.training.recording import recorder
from wgan_cli.training.step import TrainingStep
from wgan_cli.training.stop import StopRequest

CPU = torch.device("cpu")
OF_TRANSLATIONS = {"paired_l1", "cycle_l1"}
RECIPE = (MLP, "steps=10", "data.limit=20", "log_every=3", "sample_every=5", "save_every=4", "eval_every=2")


class Listener(Callback):
    """Keeps records and messages."""

    def __init__(self) -> None:
        self.records, self.notes = [], []

    def on_log(self, record, networks) -> None:
        self.records.append(record)

    def on_message(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def recipe(trainer):
    return lambda *changes: trainer.recipe(*RECIPE, *changes)


@pytest.fixture
def listened(trainer, tmp_path):
    """Train a recipe with a reference; return the state, the run and the messages."""

    def call(recipe, reference, name: str = "mine"):
        state, run, listener = trainer.prepared(recipe), RunDir(tmp_path / name), Listener()
        for folder in (run.samples, run.checkpoints):
            folder.mkdir(parents=True, exist_ok=True)
        if run.checkpoint_files():
            state.restore(load_checkpoint(run.checkpoint_files()[-1]))
        training_loop(state, run, StopRequest(), listener, reference)
        return state, run, listener

    return call


def best_step(run: RunDir) -> int:
    return load_checkpoint(run.best_file).step


def test_scores_are_logged(recipe, reference, listened, monkeypatch):
    monkeypatch.setattr(recorder, "draw_curves", draw_curves)
    _, run, listener = listened(recipe(), reference)
    records = read_metrics(run.metrics_file)
    assert [record["step"] for record in records] == [2, 3, 4, 6, 8, 9, 10]
    scored = [record for record in records if "fd" in record]
    assert [record["step"] for record in scored] == [2, 4, 6, 8, 10]
    assert all("critic_loss" in record and record["images_per_second"] > 0 for record in records)
    names = set(LOGGED) - {"agreement", *OF_TRANSLATIONS}  # conditional generators only
    assert all(names <= record.keys() for record in scored)
    assert records == listener.records
    with Image.open(run.curves_file) as curves:
        assert curves.size == (1100, 280 * 4 + 40)  # four losses, scores in three panels, and a title
    shown = {tag for _, tag, _ in events(run.tensorboard)}
    assert {f"scores/{name}" for name in names} < shown
    assert not shown & set(LOGGED)
    # Evaluating G_best.pth gives the same scores.
    generator, checkpoint = open_generator(run.best_file, CPU)
    found = reference.evaluate(generator, checkpoint.recipe, checkpoint.step)
    (record,) = [record for record in scored if record["step"] == checkpoint.step]
    assert found.record() == {name: record[name] for name in names}
    assert checkpoint.score.value == min(record["fd"] for record in scored)
    assert f"{found.line()}; best so far" in listener.notes


def test_last_step_is_evaluated(recipe, scripted, listened):
    _, run, _ = listened(recipe("eval_every=7"), scripted(5.0, 4.0), "two")
    assert [record["step"] for record in read_metrics(run.metrics_file) if "fd" in record] == [7, 10]
    reference = scripted()
    _, run, _ = listened(recipe("eval_every=null"), reference, "none")
    assert (reference.shown, run.best_file.exists()) == ([], False)


def test_training_is_unaffected(trainer, recipe, reference, tmp_path):
    norm = "model.generator.norm=batch"  # evaluation must not update statistics
    plain = trainer.run(recipe(norm, "eval_every=null"), tmp_path / "plain")
    evaluated = trainer.run(recipe(norm), tmp_path / "evaluated", reference=reference)
    contents = [torch.load(run.checkpoint_file(8), weights_only=True) for run in (plain, evaluated)]
    kept = [untimed(content["training"]) for content in contents]
    assert (kept[0].pop("best"), kept[1].pop("best") is None) == (None, False)
    for each in kept:
        del each["terms"]  # running means restart at each record
    assert_same(kept[0], kept[1])
    assert_same(contents[0]["networks"], contents[1]["networks"])


def test_conditional_generators_have_class_scores(recipe, reference, listened):
    _, run, listener = listened(recipe("model.conditional=true", "steps=2"), reference)
    (record,) = read_metrics(run.metrics_file)
    assert set(LOGGED) - OF_TRANSLATIONS <= record.keys()
    assert f"agreement {record['agreement']:.1%}; best so far" in listener.notes[0]


def test_evaluation_time_is_overhead(recipe, scripted, listened, monkeypatch):
    now, run_step = [0.0], TrainingStep.__call__

    class Clock:
        perf_counter = staticmethod(lambda: now[0])

    def take(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(recorder, "time", Clock)
    monkeypatch.setattr(TrainingStep, "__call__", lambda self, number: (run_step(self, number), take(2.0)))
    state, run, _ = listened(recipe(), scripted(*[5.0] * 5, instead=lambda number: take(1000.0)))
    records = read_metrics(run.metrics_file)
    assert {record["images_per_second"] for record in records} == {state.images_per_step / 2.0}
    assert [record["overhead_seconds"] for record in records] == [1000.0 * n for n in (1, 1, 2, 3, 4, 4, 5)]
    assert [record["seconds"] for record in records] == [
        record["overhead_seconds"] + 2.0 * record["step"] for record in records
    ]


def test_best_is_the_ema_of_the_best_step(trainer, recipe, scripted, listened):
    state, run, listener = listened(recipe(), scripted(5.0, 3.0, 4.0, 3.0, 3.5))  # ties keep the earlier one
    best = load_checkpoint(run.best_file)
    assert (best.step, best.score.by, best.score.value, best.training) == (4, "fd", 3.0, None)
    assert [note.endswith("; best so far") for note in listener.notes] == [True, True, False, False, False]
    assert state.best.since == 3
    early = trainer.run(recipe("eval_every=null"), run.path.with_name("early"), stop_after=4)
    assert_same(best.networks, load_checkpoint(early.generator_file).networks)
    assert_same(dict(best.networks["generator"]), state.best.networks["generator"])  # a copy, not a view of the EMA
    assert load_checkpoint(run.generator_file).step == 10


def test_best_by_higher_is_better(recipe, scripted, listened):
    _, run, _ = listened(recipe("best_by=precision"), scripted(5.0, 3.0, 4.0, 2.0, 3.5))  # precision is 1 / distance
    assert load_checkpoint(run.best_file).score.value == 0.5
    _, run, _ = listened(recipe("best_by=recall"), scripted(5.0, 3.0, 4.0, 2.0, 3.5), "equal")
    assert best_step(run) == 2


@pytest.fixture(scope="module")
def whole(trainer, reference, tmp_path_factory) -> RunDir:
    return trainer.run(trainer.recipe(*RECIPE), tmp_path_factory.mktemp("whole") / "whole", reference=reference)


@pytest.mark.parametrize(("stop", "killed"), [(1, False), (6, True), (9, True)])
def test_resume_is_exact(trainer, whole, reference, tmp_path, stop, killed):
    recipe = trainer.recipe(*RECIPE)
    run = trainer.run(recipe, tmp_path / "mine", stop_after=stop, reference=reference)
    if killed:
        run.checkpoint_file(stop).unlink()
    files = run.checkpoint_files()
    state = trainer.prepared(recipe)
    state.restore(load_checkpoint(files[-1]))
    trainer.go_on(state, run, 0, reference)
    best = state.best
    assert (best and best.step) == (best_step(run) if run.best_file.exists() else None)
    trainer.go_on(state, run, None, reference)
    assert_same_run(whole, run)


def test_best_follows_a_rewind(trainer, scripted, recipe, listened):
    _, run, _ = listened(recipe("save_every=2"), scripted(5.0, 4.0, 3.0, 2.0, 1.0))
    late, early = run.best_file.read_bytes(), load_checkpoint(run.checkpoint_file(8)).training["best"]
    state = trainer.prepared(recipe("save_every=2"))
    state.restore(load_checkpoint(run.checkpoint_file(8)))
    trainer.go_on(state, run, 0)
    held = load_checkpoint(run.best_file)
    assert (held.step, held.score.value) == (8, 2.0)
    assert_same(held.networks["generator"], early["weights"])
    assert (run.set_aside / "G_best.pth").read_bytes() == late


def test_best_follows_a_rollback(recipe, scripted, listened, during_step):
    diverged = []

    def diverge(step: TrainingStep) -> None:
        if not diverged:
            diverged.append(step)
            next(step.networks["critic"].parameters()).data.fill_(torch.nan)

    with during_step(6, diverge):  # after the evaluation of step 6 and the checkpoint of step 4
        _, run, _ = listened(recipe(), scripted(5.0, 3.0, 1.0, 4.0, 4.0, 4.0))
    assert diverged
    assert best_step(run) == 4
    assert load_checkpoint(run.set_aside / "G_best.pth").score.value == 1.0
    found = [record["fd"] for record in read_metrics(run.metrics_file) if "fd" in record]
    assert found == [5.0, 3.0, 4.0, 4.0, 4.0]


def test_patience_restarts_on_resume(recipe, scripted, listened):
    changed = recipe("patience=2")
    state, run, _ = listened(changed, scripted(5.0, 3.0, 4.0, 4.0))
    assert (state.step, state.best.step, run.checkpoint_files()[-1]) == (8, 4, run.checkpoint_file(8))
    assert run.curves_file.exists()
    state, _, _ = listened(changed, scripted(4.0))
    assert (state.step, state.best.step, state.best.since) == (10, 4, 1)


def test_patience_counter_survives_a_kill(trainer, recipe, scripted, listened):
    changed = recipe("patience=2", "save_every=2")
    _, run, _ = listened(changed, scripted(5.0, 3.0, 4.0, 4.0))
    run.checkpoint_file(8).unlink()
    state, _, _ = listened(changed, scripted(4.0))
    assert (state.step, state.best.since) == (8, 2)


def test_incomparable_scores_restart_the_best(recipe, scripted, listened):
    listened(recipe("steps=6"), scripted(5.0, 1.0, 4.0))
    state, run, listener = listened(recipe("best_by=precision"), scripted(9.0, 8.0))
    assert any("precision of 30 images in random is not comparable with FD 1" in note for note in listener.notes)
    assert (best_step(run), state.best.score.by) == (10, "precision")
    assert load_checkpoint(run.set_aside / "G_best.pth").step == 4


def test_failed_evaluation_only_loses_its_scores(recipe, scripted, listened):
    def fail(number: int) -> None:
        if number in (1, 2):
            raise RuntimeError("CUDA out of memory. Tried to allocate")

    _, run, listener = listened(recipe(), scripted(5.0, 4.0, 3.0, 6.0, 7.0, instead=fail))
    (warning,) = [note for note in listener.notes if note.startswith("warning")]
    assert "the evaluation at step 4 failed: not enough memory" in warning
    records = read_metrics(run.metrics_file)
    assert [record["step"] for record in records] == [2, 3, 4, 6, 8, 9, 10]
    assert [record["step"] for record in records if "fd" in record] == [2, 8, 10]
    assert best_step(run) == 2


def test_best_file_is_retried(recipe, scripted, listened, tmp_path):
    file = RunDir(tmp_path / "mine").best_file

    def block(number: int) -> None:
        if number == 0:
            file.mkdir()
        elif number == 3:
            file.rmdir()

    _, run, listener = listened(recipe(), scripted(5.0, 3.0, 4.0, 4.0, 4.0, instead=block))
    (warning,) = [note for note in listener.notes if note.startswith("warning")]
    assert f"cannot write {file}" in warning
    assert best_step(run) == 4


def test_damaged_best_file_is_rewritten(trainer, whole, tmp_path):
    run = RunDir(shutil.copytree(whole.path, tmp_path / "mine"))
    good = run.best_file.read_bytes()
    run.best_file.write_bytes(good[:100])
    state = trainer.prepared(trainer.recipe(*RECIPE, "steps=12"))
    state.restore(load_checkpoint(run.checkpoint_file(10)))
    trainer.go_on(state, run, 0)
    assert_same(load_checkpoint(run.best_file).networks, load_checkpoint(whole.best_file).networks)
    assert (run.set_aside / "G_best.damaged.pth").read_bytes() == good[:100]


def test_old_checkpoint_without_best(trainer, whole):
    old = load_checkpoint(whole.checkpoint_file(8))
    del old.training["best"]
    state = trainer.prepared(trainer.recipe(*RECIPE))
    state.restore(old)
    assert (state.step, state.best) == (8, None)


def test_invalid_best_is_refused(trainer, whole):
    state = trainer.prepared(trainer.recipe(*RECIPE))
    for damage in (
        lambda best: best.pop("since"),
        lambda best: best.update(step=-1),
        lambda best: best.update(since=0.5),
        lambda best: best.update(score=None),
        lambda best: best["score"].update(value=float("nan")),
        lambda best: best["score"].update(by=7),
        lambda best: best["weights"].popitem(),
        lambda best: best["weights"].update({next(iter(best["weights"])): torch.zeros(3)}),
        lambda best: best.update(weights=5),
    ):
        checkpoint = load_checkpoint(whole.checkpoint_file(8))
        damage(checkpoint.training["best"])
        with pytest.raises(WganError, match="step 8"):
            state.restore(checkpoint)
