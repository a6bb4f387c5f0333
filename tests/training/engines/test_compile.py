"""The compile engine: eager's gradients and random numbers, no more compilations than losses, and refusals."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch._dynamo.utils import counters

from wgan_cli.errors import EngineUnavailable
from wgan_cli.objectives import Batch, Loss, Phase
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.training.engines.compile import check_gradients, with_compiled_losses
from wgan_cli.training.engines.select import make_engine
from wgan_cli.training.state import TrainingState
from wgan_cli.training.step import TrainingStep

_has_compiler = any(shutil.which(name) for name in (os.environ.get("CXX", "c++"), "g++", "clang++"))


def needs_compiler(test):
    return pytest.mark.slow(pytest.mark.skipif(not _has_compiler, reason="torch.compile needs a C++ compiler")(test))


LAZY = {"objective": {"name": "wgan_gp", "n_critic": 2, "gp_every": 2}}
TRICKS = {"name": "gan", "label_flip": 0.2, "gp_weight": 1.0, "gp_points": "real", "gp_sided": "one"}


@pytest.fixture(autouse=True, scope="module")
def _fresh_compiler() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.fixture
def traced(monkeypatch) -> None:
    """The compiler without code generation: a second instead of twenty, and the same operators."""
    compile_ = torch.compile
    monkeypatch.setattr(torch, "compile", lambda loss, options, **others: compile_(loss, backend="aot_eager", **others))
    torch._dynamo.reset()


def gradients(step: TrainingStep, phase: Phase, apply_penalty: bool) -> tuple[dict[str, Tensor], Loss, Tensor]:
    """Return the gradients of a phase's network by name, the loss, and the RNG state afterwards."""
    torch.manual_seed(3)
    network = step.networks[phase.trains]
    step.freeze_all_but(phase)
    real = torch.rand(4, 1, 8, 8) * 2 - 1 if phase.uses_real else None
    network.zero_grad()
    with step.precision.autocast():
        loss = phase.loss(step.networks_in_losses, Batch(torch.randn(4, 6), real, None, apply_penalty))
    step.precision.backward(loss.total)
    return {name: p.grad.clone() for name, p in network.named_parameters()}, loss, torch.get_rng_state()


def assert_equal_to_eager(fast: TrainingStep, eager: TrainingStep) -> None:
    """Compare all phases, with and without a lazy penalty, for equal weights and random numbers."""
    for role, network in eager.networks.items():
        network.load_state_dict(fast.networks[role].state_dict())
    for compiled, plain in zip(fast.objective.phases, eager.objective.phases, strict=True):
        for apply_penalty in (True, False)[: plain.penalty_interval]:
            ours, loss, random = gradients(fast, compiled, apply_penalty)
            theirs, expected, eager_random = gradients(eager, plain, apply_penalty)
            assert torch.equal(random, eager_random)
            assert loss.terms.keys() == expected.terms.keys()
            for name, value in expected.terms.items():
                torch.testing.assert_close(loss.terms[name], value, rtol=1e-4, atol=1e-5)
            for name, gradient in theirs.items():
                assert (ours[name] - gradient).norm() <= 1e-4 * gradient.norm() + 1e-6, name


def check(state: TrainingState) -> None:
    check_gradients(with_compiled_losses(state.training_step), state.training_step)


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("mlp", LAZY),
        *(pytest.param(family, LAZY, marks=pytest.mark.slow) for family in ("dcgan", "resnet", "style", "sequential")),
        ("mlp", {"objective": {**TRICKS, "instance_noise": 0.1}}),
        ("mlp", {"objective": "r3gan"}),
    ],
)  # fmt: skip
def test_traced_losses_equal_eager(small, traced, family, changes):
    fast = with_compiled_losses(small.state(family, **changes).training_step)
    assert_equal_to_eager(fast, small.state(family, **changes).training_step)


def test_check_passes_with_spectral_norm(small, traced):
    """Although every forward pass updates the norm's vectors."""
    model = {**small.recipe().model.model_dump(), "critic": {"widths": [16], "spectral_norm": True}}
    check(small.state(model=model, objective="hinge"))


@pytest.mark.parametrize("changes", [{"amp": "bf16"}, {"micro_batch_size": 2}])
def test_check_passes(small, traced, changes):
    model = {**small.recipe("mlp").model.model_dump(), "generator": {"widths": [16], "norm": "none"}}
    check(small.state(model=model, objective="hinge", **changes))


@pytest.fixture(scope="module")
def compilations() -> dict[str, int]:
    return {}


@pytest.fixture(scope="module", params=["mlp", "dcgan"])
def state(request, small, compilations) -> TrainingState:
    """A verified run under `engine: compile` with a penalty in every second critic step."""
    torch._dynamo.reset()
    counters.clear()
    made = small.state(request.param, engine="compile", **LAZY)
    compilations["verified"] = counters["stats"]["unique_graphs"]
    assert (made.recipe.engine, made.autotune_summary) == ("compile", "")
    return made


@needs_compiler
def test_training_compiles_nothing_new(small, state, compilations):
    """Verification compiles the critic's loss with and without the penalty, and the generator's."""
    assert compilations["verified"] == 3
    small.run(state, 6)
    check_gradients(state.engine, state.training_step)
    assert counters["stats"]["unique_graphs"] == 3


@needs_compiler
def test_compiled_losses_equal_eager(small, state):
    assert_equal_to_eager(state.engine, small.state(state.recipe.model.name, **LAZY).training_step)
    assert counters["stats"]["unique_graphs"] == 3


@needs_compiler
def test_compiled_run_resumes_exactly(small, state):
    torch.manual_seed(1)
    small.run(state, 5)
    checkpoint = small.checkpoint(state)
    whole = small.content(small.run(state, 5))
    other = small.state(state.recipe.model.name, engine="compile", **LAZY)
    torch.manual_seed(99)
    other.restore(checkpoint)
    torch.testing.assert_close(small.content(small.run(other, 5)), whole, rtol=0, atol=0)


@needs_compiler
def test_compiled_run_resumes_exactly_in_another_process(wgan_process, tmp_path):
    model = "model={name: mlp, latent_dim: 8, generator: {widths: [16]}, critic: {widths: [16]}}"
    settings = ("engine=compile", "amp=off", model, "optim.lr_schedule=none", "threads=1")
    words = [word for setting in settings for word in ("--set", setting)]
    common = ("train", "--quiet", "--device", "cpu")
    for name, steps in (("whole", 8), ("halves", 4)):
        result = wgan_process(*common, *words, "--steps", steps, "--out", tmp_path / name)
        assert result.status == 0, result.stderr
    assert wgan_process(*common, "--resume", tmp_path / "halves", "--steps", 8).status == 0
    whole, halves = ((tmp_path / name / "G.pth").read_bytes() for name in ("whole", "halves"))
    assert whole == halves
    assert RunDir(tmp_path / "halves").read_recipe().engine == "compile", "it did not fall back"


def wrong_when_compiled(phase: Phase, error: float, when: bool) -> Phase:
    """Return a phase whose compiled loss is wrong by a factor if `apply_penalty` is `when`."""

    def loss(networks, batch: Batch) -> Loss:
        right = phase.loss(networks, batch)
        if torch.compiler.is_compiling() and batch.apply_penalty == when:
            return Loss(right.total * (1.0 + error), right.terms)
        return right

    return replace(phase, loss=loss)


@pytest.mark.parametrize(("which", "when"), [(0, False), (1, True)])
def test_wrong_compiled_gradient_is_refused(small, traced, which, when):
    step = small.state(**(LAZY if which == 0 else {"objective": "hinge"})).training_step
    phases = list(step.objective.phases)
    phases[which] = wrong_when_compiled(phases[which], 0.01, when)
    with pytest.raises(EngineUnavailable, match=rf"{phases[which].name} .* 1\.0%$"):
        make_engine("compile", step.with_phases(phases), verify=True)


def test_losses_with_state_are_refused(small):
    state = small.state("style", objective={"name": "gan", "path_length_weight": 2.0})
    with pytest.raises(EngineUnavailable, match="state in place"):
        make_engine("compile", state.training_step)


def test_nan_gradient_is_refused(small, traced):
    state = small.state()
    with torch.no_grad():
        next(state.networks["critic"].parameters()).fill_(float("nan"))
    with pytest.raises(EngineUnavailable, match="nan"):
        make_engine("compile", state.training_step, verify=True)


def test_failing_compiler_falls_back_to_eager(small, monkeypatch):
    def fails(loss, **options):
        raise RuntimeError("no C++ compiler here\nand much more")

    monkeypatch.setattr(torch, "compile", fails)
    state = small.state(engine="compile")
    assert (state.recipe.engine, state.engine) == ("eager", state.training_step)
    assert state.autotune_summary.endswith("no C++ compiler here")
