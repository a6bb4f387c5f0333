"""Checks of the network, objective and dataset of docs/extending.md; test_extending.py runs them in a copy."""

from __future__ import annotations

import json
import pkgutil
import re
import runpy
import shlex
from pathlib import Path

import pytest
import torch
from helpers.mnist_files import small_set, write_files
from PIL import Image

from wgan_cli import WganError, data, networks, objectives, train
from wgan_cli.data import load_images, native_shape
from wgan_cli.recipe import ImageShape, load_recipe
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.runs.checkpoint import load_checkpoint

ROOT = Path(__file__).parents[2]
IMAGE = ImageShape(28, 28, 1, 10)
SMALL = ["log_every=2", "sample_every=4", "sample_grid=3", "save_every=3", "eval_every=null", "amp=off"]
SMALL += ["batch_size=8", "engine=eager", "threads=1"]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Current folder with the page's recipes."""
    monkeypatch.chdir(tmp_path)
    for file in ROOT.glob("*.yaml"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def test_commands_and_csv(wgan, folder):
    runpy.run_path(str(ROOT / "make_csv.py"))
    write_files(folder / "data" / "MNIST" / "raw", small_set())
    outputs = {}
    for line in (ROOT / "commands.txt").read_text(encoding="utf-8").splitlines():
        program, *words = shlex.split(line, comments=True)
        if program != "wgan":
            continue
        if words[0] == "train" and "--dry-run" not in words:
            small = [word for setting in SMALL for word in ("--set", setting)]
            words[1:1] = [*small, "--steps", "6", "--device", "cpu", "--quiet"]
        result = wgan(*words)
        assert result.status == 0, (words, result.stderr)
        outputs[line] = result.stdout

    assert all(name in outputs["wgan inspect digits_resmlp.yaml"] for name in ("body.1.branch.0", "to_score"))
    assert "28x28x1" in outputs["wgan inspect csv_dcgan.yaml"]
    sizes, records = set(), {}
    for name in ("digits_resmlp", "resmlp_hinge", "digits_wgan_div", "csv_dcgan", "threes_and_eights"):
        run = folder / "runs" / name
        records[name] = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        assert [record["step"] for record in records[name]] == [2, 4, 6]
        sizes.add(Image.open(run / "samples" / "step_00000006.png").size)
    assert len(sizes) == 1
    assert "real_score" in records["resmlp_hinge"][-1]
    objective = objectives.build_objective(load_recipe("digits_wgan_div.yaml"), IMAGE)
    assert objective.meanings.keys() == {"wasserstein", "norm_power", "critic_loss", "generator_loss"}
    assert all(objective.meanings.keys() <= r.keys() and r["norm_power"] > 0 for r in records["digits_wgan_div"])

    csv = load_images(DataSettings(source="csv", path="train.csv"), folder, print)
    packed = load_images(DataSettings(source="digits", split="all"), folder, print)
    assert torch.equal(csv.images, packed.images) and torch.equal(csv.labels, packed.labels)
    assert csv.class_names == packed.class_names


def test_resume_is_exact(folder):
    small = [*SMALL, "optim.lr_schedule=none"]
    whole = train("digits_wgan_div.yaml", "whole", settings=[*small, "steps=6"], device="cpu")
    train("digits_wgan_div.yaml", "halves", settings=[*small, "steps=3"], device="cpu")
    halves = train(resume="halves", settings=["steps=6"], device="cpu")
    one, other = (load_checkpoint(run.checkpoint_file(6)).networks for run in (whole, halves))
    assert one.keys() == other.keys() == {"generator", "critic"}
    for role, weights in one.items():
        assert all(torch.equal(tensor, other[role][name]) for name, tensor in weights.items()), role


@pytest.mark.parametrize(
    ("name", "setting", "words"),
    [
        ("digits_resmlp.yaml", "model.generator.blokcs=4", "`blocks`"),
        ("digits_resmlp.yaml", "model.critic.norm=batch", "batch"),
        ("digits_wgan_div.yaml", "objective.div_wieght=4", "`div_weight`"),
        ("digits_wgan_div.yaml", "model.critic.norm=batch", "`objective.div_weight` to 0"),
        ("digits_wgan_div.yaml", "objective.clip_value=1", "wgan_div"),
        ("csv_dcgan.yaml", "data.pth=x", "`path`"),
        ("csv_dcgan.yaml", "data.path=null", "give a CSV file of pixels"),
        ("csv_dcgan.yaml", "data.fit=pad", "`data.fit`"),
        ("digits_dcgan", "data.path=x", "csv"),
    ],
)
def test_invalid_setting(folder, name, setting, words):
    with pytest.raises(WganError) as caught:
        load_recipe(name, [setting])
    assert words in caught.value.message + caught.value.hint


def test_missing_registration_names_the_table(folder, monkeypatch):
    attempts = {
        "resmlp": (
            networks.FAMILIES,
            lambda: networks.build_network("generator", load_recipe("digits_resmlp.yaml"), IMAGE),
        ),
        "wgan_div": (
            objectives.OBJECTIVES,
            lambda: objectives.build_objective(load_recipe("digits_wgan_div.yaml"), IMAGE),
        ),
        "csv": (data.SOURCES, lambda: native_shape(load_recipe("csv_dcgan.yaml").data)),
    }
    for name, (table, use) in attempts.items():
        monkeypatch.delitem(table, name)
        with pytest.raises(WganError, match=f"accepts {name}") as caught:
            use()
        (where,) = re.findall(r"`(wgan_cli[\w.]+)`", caught.value.message)
        assert pkgutil.resolve_name(where) is table
