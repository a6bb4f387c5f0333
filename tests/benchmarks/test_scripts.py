"""Tiny runs of the benchmark scripts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors import safe_open

from wgan_cli.cli import app
from wgan_cli.data import native_shape
from wgan_cli.errors import WganError
from wgan_cli.networks import build_network
from wgan_cli.recipe import load_recipe
from wgan_cli.runs.checkpoint import load_checkpoint

TINY = ["steps=1000000", "batch_size=4", "model.latent_dim=4", "model.generator.channels=[4]"]
TINY += ["model.critic.channels=[4]", "objective.n_critic=2"]


def run(benchmark, monkeypatch, name, *words):
    """Run a script's main with its command line in this process."""
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, words)])
    benchmark(name).main()


def test_train_speed(benchmark, monkeypatch, tmp_path):
    script, out = benchmark("train_speed"), tmp_path / "speed.json"
    monkeypatch.setattr(script, "recipes", lambda: {"digits_dcgan": load_recipe("digits_dcgan", TINY)})
    started, build = [], script.build_state

    def build_and_record(*arguments, **words):
        state = build(*arguments, **words)
        started.append(torch.cat([p.detach().flatten() for n in state.networks.values() for p in n.parameters()]))
        return state

    monkeypatch.setattr(script, "build_state", build_and_record)
    options = ("--cases", "digits_dcgan", "--rounds", 2, "--seconds", 0.02, "--out", out)
    run(benchmark, monkeypatch, "train_speed", *options)
    assert all(torch.equal(weights, started[0]) for weights in started), "all sides start from the same weights"
    (case,) = json.loads(out.read_text())["cases"]
    assert {"wgan off", "textbook off", "script off"} <= case["sides"].keys()
    for side in case["sides"].values():
        rates = [side[name]["median"] for name in ("critic_iterations_per_second", "generator_steps_per_second")]
        assert rates[0] == pytest.approx(2 * rates[1], rel=1e-2)
    assert all(0 < ratio["min"] <= ratio["median"] <= ratio["max"] for ratio in case["ratios"])


def test_the_textbook_has_the_layers_of_the_framework(benchmark):
    textbook, recipes = benchmark("textbook"), benchmark("train_speed").recipes()
    torch.manual_seed(0)
    for name, recipe in {**recipes, "cifar10_resnet": load_recipe("cifar10_resnet")}.items():
        shape = native_shape(recipe.data)
        inputs = {
            "generator": torch.randn(2, recipe.model.latent_dim),
            "critic": torch.randn(2, shape.channels, *shape.size),
        }
        for role, x in inputs.items():
            network = build_network(role, recipe, shape)
            copy = textbook.plain_copy(network)
            torch.testing.assert_close(copy(x), network(x), rtol=1e-4, atol=1e-5, msg=f"the {role} of {name}")
            places = {type(module).__module__ for module in copy.modules() if not list(module.children())}
            ours = {place for place in places if place.startswith("wgan_cli")}
            assert ours <= {"wgan_cli.networks.conditioning"}, f"the {role} of {name}"  # which passes labels on


def test_step_anatomy(benchmark, monkeypatch, tmp_path):
    script, out = benchmark("step_anatomy"), tmp_path / "anatomy.json"
    monkeypatch.setitem(script.SIZES, "cpu", (8, 16))
    settings = [word for setting in TINY[2:5] for word in ("--set", setting)]
    options = ("--recipe", "digits_dcgan", "--amp", "off", "--batch", 2, 3, "--seconds", 0.02, "--out", out, *settings)
    run(benchmark, monkeypatch, "step_anatomy", *options)
    two, three = json.loads(out.read_text())["cases"]
    assert three["flop_per_step"] == pytest.approx(1.5 * two["flop_per_step"], rel=0.05)
    for case in (two, three):
        assert sum(group["share"] for group in case["groups"]) == pytest.approx(1, abs=0.01)
        assert case["products_seconds"]["min"] < case["seconds_per_step"]["max"]
        assert case["times_textbook"]["step"]["min"] < case["times_textbook"]["products"]["max"]
    page = benchmark("pages").step_anatomy(json.loads(out.read_text()))
    assert f"{three['times_textbook']['products']['median']:.2f} |" in page


def test_family(benchmark, monkeypatch, features_root, tmp_path):
    family, out = benchmark("family"), tmp_path / "family.json"
    assert family.wgan("--version").memory > 1e7
    monkeypatch.setattr(family, "wgan", lambda *words: family.Spent(app.run([*map(str, words)]), 1, 1))
    small = [f"--set={setting}" for setting in ("data.source=digits", "steps=2", "batch_size=8", "sample_grid=2")]
    words = ("--data-root", features_root, "--images", 40, "--out", out, *small, "--only", "mnist_cgan")
    run(benchmark, monkeypatch, "family", *words)
    result = json.loads(out.read_text())["mnist_cgan"]
    assert (result["training_images"], result["real_images"], result["seen"]) == (6000, 40, False)
    assert (result["steps"], result["images"]) == (2, 40) and 0 <= result["agreement"] <= 1
    with Image.open(tmp_path / "family" / "mnist_cgan.png") as picture:
        assert picture.size == (2 * (10 * 30 + 2), 2 * (30 + 2))
    monkeypatch.setattr(family, "measure", lambda *_: pytest.fail("the result exists"))
    family.main()


def test_pretrained(benchmark, monkeypatch, features_root, tmp_path):
    script, family, package = benchmark("pretrained"), benchmark("family"), tmp_path / "package"
    monkeypatch.setattr(script.pretrained, "FOLDER", package)
    monkeypatch.setattr(script, "PICTURES", tmp_path / "pictures")

    def wgan(*words):
        assert app.run([*map(str, words)]) == 0
        return family.Spent(60, memory=1, processor_seconds=30)

    for module in (script, family):
        monkeypatch.setattr(module, "wgan", wgan)
    small = [f"--set={setting}" for setting in ("steps=2", "batch_size=8", "sample_grid=2", "eval_every=null")]
    places = ("--data-root", features_root, "--work", tmp_path / "work")
    words = (*places, "--images", 40, *small, "--only", "digits_dcgan", "--seeds")
    run(benchmark, monkeypatch, "pretrained", *words, 1)
    file = package / "digits_dcgan.safetensors"
    card, checkpoint = script.pretrained.read_card("digits_dcgan"), load_checkpoint(file)
    assert card.processor_minutes == 0.5 and (card.images, card.real_images, card.seen) == (40, 40, True)
    assert "--seed 0 " in card.command and checkpoint.recipe.seed == 0
    assert {"generator", "critic"} == checkpoint.networks.keys() and card.gray_levels <= 2
    with safe_open(file, "pt") as tensors:
        assert {tensors.get_tensor(name).dtype for name in tensors.keys()} == {torch.float16, torch.int64}  # noqa: SIM118

    run(benchmark, monkeypatch, "pretrained", *words, 2)  # adds a seed to the card
    card = script.pretrained.read_card("digits_dcgan")
    assert len(card.by_seed) == 2 and card.value == min(card.by_seed.values())
    assert f"--seed {load_checkpoint(file).recipe.seed} " in card.command
    monkeypatch.setattr(script, "wgan", lambda *_: pytest.fail("all seeds are trained"))
    script.main()  # the package has them
    (package / "digits_dcgan.json").unlink()
    script.main()
    assert script.pretrained.read_card("digits_dcgan") == card
    for more in (["--set", "ema_decay=0.5"], ["--again"]):
        with pytest.raises(pytest.fail.Exception, match="all seeds are trained"):
            run(benchmark, monkeypatch, "pretrained", *words, 2, *more)
    with pytest.raises(WganError, match="--quick"):
        run(benchmark, monkeypatch, "pretrained", *words, 2, "--quick")


def test_earlier_results_of_seeds_are_those_of_the_recipe_alone(benchmark, monkeypatch, tmp_path):
    script = benchmark("pretrained")
    monkeypatch.setattr(script, "wgan", lambda *_: pytest.fail("trained"))
    (tmp_path / "digits_dcgan").mkdir()
    file = tmp_path / "digits_dcgan" / "seed-0.json"
    arguments = Namespace(work=tmp_path, settings=[], again=False, device="cpu", data_root=tmp_path)
    file.write_text('{"seed": 0}')
    assert script.trained("digits_dcgan", 0, arguments) == {"seed": 0}
    other = {"recipe": load_recipe("digits_dcgan", ["batch_size=3"]).as_dict()}
    for result, settings in (({}, ["batch_size=3"]), (other, [])):
        file.write_text(json.dumps(result))
        with pytest.raises(pytest.fail.Exception, match="trained"):
            script.trained("digits_dcgan", 0, Namespace(**{**vars(arguments), "settings": settings}))


def test_translators_are_compared_by_their_own_score(benchmark):
    script = benchmark("pretrained")
    assert script.main_score({"scores": {"spectrum": 1.2, "cycle_l1": 3.0, "paired_l1": 9.0}}) == "paired_l1"
    assert script.main_score({"scores": {"precision": 0.5, "fd": 9.0}}) == "fd"


@pytest.mark.parametrize(("new", "kept"), [(1.5, 0), (0.5, 1)])
def test_a_better_seed_replaces_a_bundled_generator(benchmark, monkeypatch, tmp_path, new, kept):
    script = benchmark("pretrained")
    monkeypatch.setattr(script.pretrained, "FOLDER", tmp_path)
    card = script.pretrained.Card("wgan train x --seed 0", "x", "CC0.", "fd", {"0": 1.0}, {"fd": 1.0}, 1, "here", 1)
    script.write_card("x", card)
    (tmp_path / "x.safetensors").write_bytes(b"")
    result = {"seed": 1, "scores": {"fd": new}, "processor_seconds": 60}
    monkeypatch.setattr(script, "current_card", lambda name, settings: card)
    monkeypatch.setattr(script, "trained", lambda name, seed, arguments: result if seed == 1 else pytest.fail("again"))
    added = []

    def add(name, result, by_seed, arguments):
        added.append(result["seed"])
        return card

    monkeypatch.setattr(script, "add_to_package", add)
    script.update("x", Namespace(seeds=2, again=False, settings=[]), [].append)
    assert added == [1] * kept
    assert kept or script.pretrained.read_card("x") == replace(card, by_seed={"0": 1.0, "1": 1.5})


def test_busy_machine(benchmark, monkeypatch, tmp_path):
    script, out = benchmark("busy_machine"), tmp_path / "busy.json"
    monkeypatch.setattr(script, "recipe_of", lambda name: load_recipe("digits_dcgan", [*TINY, "amp=off"]))
    run(benchmark, monkeypatch, "busy_machine", "--quick", "--seconds", 0.2, "--fixed-seconds", 0.02, "--out", out)
    result = json.loads(out.read_text())
    assert [phase["load"] for phase in result["phases"]] == ["idle", "1 busy loop", "idle again"]
    assert all(phase["ratio"] > 0 and phase["ratio_fixed"] == 1 for phase in result["phases"])
    assert "1 busy loop" in benchmark("pages").busy_machine(result)
    with pytest.raises(WganError, match="too early"), script.running(script.Load("nothing", [("-c", "")])) as processes:
        processes[0].wait()


@pytest.mark.slow
def test_scaling(benchmark, monkeypatch, tmp_path):
    scaling, out = benchmark("scaling"), tmp_path / "scaling.json"
    monkeypatch.setattr(scaling, "QUICK", {"batch_size": (64, 2), "image_size": (28,), "width": (1,)})
    monkeypatch.setattr(scaling, "RECIPES", {"dcgan": "mnist_dcgan"})
    words = ("--quick", "--amp", "off", "--seconds", 0.01, "--threads", 1, "--out", out)
    run(benchmark, monkeypatch, "scaling", *words)
    large, small = json.loads(out.read_text())["points"]
    assert large["engine"] == small["engine"] == "eager"
    assert large["peak_bytes"] > small["peak_bytes"] > 0
    assert out.with_suffix(".png").is_file()


@pytest.mark.gpu
def test_gpu_scaling_replays_a_graph(benchmark):
    scaling = benchmark("scaling")
    point = scaling.measure(scaling.Point("mlp", batch_size=4, width=0.25), "off", 0.05, torch.device("cuda"))
    assert point["engine"] == "graph" and point["seconds_per_step"]["min"] > 0


@pytest.mark.parametrize("name", ["busy_machine", "distributed"])
def test_benchmarks_of_processors_refuse_a_gpu(benchmark, monkeypatch, name):
    monkeypatch.setattr(benchmark("common"), "resolve_device", torch.device)
    with pytest.raises(WganError, match="CPU.*, not (on )?cuda"):
        run(benchmark, monkeypatch, name, "--device", "cuda")


@pytest.mark.slow
def test_startup_times_real_commands(benchmark, tmp_path, tiny_run):
    startup = benchmark("startup")
    for command in startup.commands(str(tiny_run.path), "cpu"):
        assert startup.seconds_of(command.words(1), tmp_path, threads=1) > 0
    assert (tmp_path / "samples.png").is_file()


def test_gpu_check_measurements_on_the_cpu(benchmark, monkeypatch, tmp_path):
    for name, value in (("OUT", tmp_path), ("WORK", tmp_path), ("GPU_DEVICE", "cpu"), ("ENGINE", "eager")):
        monkeypatch.setenv(name, str(value))
    worker = benchmark("gpu_worker")
    small = ("batch_size=8", "model.latent_dim=4", "model.generator.widths=[8]", "model.critic.widths=[8]")
    recipe_of = worker.recipe_of
    monkeypatch.setattr(
        worker, "recipe_of", lambda *words: recipe_of(*words, *["auto", "eager"][len(words) - 1 :], *small)
    )
    worker.smoke("mnist_mlp")
    worker.speed("mnist_mlp", "eager", "0.02", "off")
    worker.beside("mnist_mlp", "0.02")
    worker.sampling("mnist_mlp")
    probes = benchmark("gpu_probes")
    monkeypatch.setattr(probes, "load_recipe", lambda name, more: load_recipe(name, [*more, *small, "amp=off"]))
    monkeypatch.setattr(probes, "SWEEP_SECONDS", 0.02)
    probes.threads("mnist_mlp")
    figures = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert {figure["kind"] for figure in figures} >= {
        "started",
        "smoke",
        "speed",
        "around",
        "beside",
        "sampling",
        "threads",
    }
    assert not [figure for figure in figures if "failed" in figure or figure.get("nonfinite")], figures


@pytest.mark.slow
def test_gpu_check_script_on_the_cpu(tmp_path):
    script = Path(__file__).parents[2] / "benchmarks" / "gpu_check.sh"
    environment = {**os.environ, "OUT": str(tmp_path / "out"), "WORK": str(tmp_path / "work"), "PYTHON": sys.executable}
    done = subprocess.run(["bash", str(script), "quick"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    figures = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    wanted = {"facts", "started", "smoke", "speed", "around", "beside", "sampling", "threads"}
    assert {figure["kind"] for figure in figures} == wanted, done.stdout
    assert not [figure for figure in figures if "failed" in figure], done.stdout


@pytest.mark.parametrize(("status", "of_all"), [(0, 0), (124, 0), (3, 1)])
def test_gpu_check_fails_with_a_phase_that_is_not_out_of_time(tmp_path, status, of_all):
    script, python = Path(__file__).parents[2] / "benchmarks" / "gpu_check.sh", tmp_path / "python"
    python.write_text(f'#!/bin/sh\n[ "$2" != speed ] || exit {status}\n')
    python.chmod(0o755)
    environment = {**os.environ, "OUT": str(tmp_path / "out"), "WORK": str(tmp_path / "work"), "PYTHON": str(python)}
    done = subprocess.run(["bash", str(script), "quick"], env=environment, capture_output=True, text=True)
    assert done.returncode == of_all, done.stdout + done.stderr
    assert f"q speed: status {status}" in done.stdout and "q threads" in done.stdout
