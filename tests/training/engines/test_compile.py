"""Compiled losses: eager's gradients and random numbers, no more compilations than losses, and refusals."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch._dynamo.utils import counters

from wgan_cli.errors import EngineUnavailable
from wgan_cli.objectives import Batch, Loss, Phase
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.training.engines import compile
from wgan_cli.training.engines.compile import check_gradients, compile_losses
from wgan_cli.training.engines.select import rehearse
from wgan_cli.training.state import TrainingState
from wgan_cli.training.step import TrainingStep

needs_a_compiler = pytest.mark.skipif(
    not any(shutil.which(name) for name in (os.environ.get("CXX", "c++"), "g++", "clang++")),
    reason="torch.compile needs a C++ compiler on a processor, and there is none",
)
LAZY = {"objective": {"name": "wgan_gp", "n_critic": 2, "gp_every": 2}}


@pytest.fixture(autouse=True, scope="module")
def _compile_nothing_of_others() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.fixture
def traced(monkeypatch) -> None:
    """The compiler without its code generation: a second instead of twenty, and the same operators."""
    compile_ = torch.compile
    monkeypatch.setattr(
        torch,
        "compile",
        lambda loss, fullgraph, dynamic, options: compile_(
            loss, fullgraph=fullgraph, dynamic=dynamic, backend="aot_eager"
        ),
    )
    torch._dynamo.reset()


def gradients(
    step: TrainingStep, phase: Phase, apply_penalty: bool, seed: int = 3
) -> tuple[dict[str, Tensor], Loss, Tensor]:
    """Of a phase's network by name, with the loss, and the random state afterwards."""
    torch.manual_seed(seed)
    networks = step.shown(phase)
    real = torch.rand(4, 1, 8, 8) * 2 - 1 if phase.uses_real else None
    loss = step.gradients(phase, networks, Batch(torch.randn(4, 6), real, None, apply_penalty))
    found = {name: p.grad.clone() for name, p in step.networks[phase.trains].named_parameters()}
    return found, loss, torch.get_rng_state()


def assert_equal_to_eager(fast: TrainingState, eager: TrainingState) -> None:
    """Each phase, with its penalty and without if it is lazy, on the same weights and the same random numbers."""
    for role, network in eager.networks.items():
        network.load_state_dict(fast.networks[role].state_dict())
    for phase in fast.objective.phases:
        for apply_penalty in (True, False)[: phase.penalty_interval]:
            ours, loss, random = gradients(fast.iteration, phase, apply_penalty)
            theirs, expected, as_eager = gradients(eager.iteration, phase, apply_penalty)
            assert torch.equal(random, as_eager), "as many numbers were drawn"
            assert loss.terms.keys() == expected.terms.keys()
            for name, value in expected.terms.items():
                torch.testing.assert_close(loss.terms[name], value, rtol=1e-4, atol=1e-5)
            for name, gradient in theirs.items():
                assert (ours[name] - gradient).norm() <= 1e-4 * gradient.norm() + 1e-6, name


@pytest.mark.parametrize(
    "objective",
    [
        {
            "name": "gan",
            "label_flip": 0.2,
            "gp_weight": 1.0,
            "gp_points": "real",
            "gp_sided": "one",
            "instance_noise": 0.1,
        },
        {"name": "r3gan"},
    ],
    ids=["gan", "r3gan"],
)
def test_traced_losses_of_the_family_equal_eagers(small, traced, objective):
    state = small.state("mlp", objective=objective)
    compile_losses(state.iteration)
    assert_equal_to_eager(state, small.state("mlp", objective=objective))


def test_a_traced_loss_with_spectral_norm_passes_the_check(small, traced):
    """Although the norm's vectors move on in every forward pass."""
    model = {**small.recipe("dcgan").model.model_dump(), "critic": {"channels": [8], "spectral_norm": True}}
    state = small.state("dcgan", model=model, objective="hinge")
    compile_losses(state.iteration)
    check_gradients(state.iteration)


@pytest.mark.parametrize("family", ["mlp", "dcgan", "resnet", "style"])
def test_traced_losses_equal_eagers(small, traced, family):
    state = small.state(family, **LAZY)
    compile_losses(state.iteration)
    assert_equal_to_eager(state, small.state(family, **LAZY))


def test_traced_losses_equal_eagers_in_half_precision(small, traced):
    state = small.state("dcgan", amp="bf16", **LAZY)
    compile_losses(state.iteration)
    check_gradients(state.iteration)


@pytest.fixture(scope="module")
def compilations() -> dict[str, int]:
    return {}


@pytest.fixture(scope="module", params=["mlp", pytest.param("dcgan", marks=pytest.mark.slow)])
def state(request, small, compilations) -> TrainingState:
    """A run under `engine: compile` with a penalty in every second critic step, after its rehearsal."""
    torch._dynamo.reset()
    counters.clear()
    made = small.state(request.param, engine="compile", **LAZY)
    compilations["rehearsed"] = counters["stats"]["unique_graphs"]
    assert (made.recipe.engine, made.why_so_fast) == ("compile", "")
    return made


@needs_a_compiler
def test_a_lazy_penalty_makes_two_losses_of_the_critics_and_there_is_no_third(small, state, compilations):
    """The critic's with and without penalty and the generator's, all in the rehearsal; training compiles nothing."""
    assert compilations["rehearsed"] == 3
    small.run(state, 6)
    check_gradients(state.iteration)
    assert counters["stats"]["unique_graphs"] == 3


@needs_a_compiler
def test_gradients_and_random_numbers_are_eagers(small, state):
    family = state.recipe.model.name
    assert_equal_to_eager(state, small.state(family, **LAZY))
    assert counters["stats"]["unique_graphs"] == 3


@needs_a_compiler
def test_a_compiled_run_resumes_exactly(small, state):
    """Bit by bit, in a second state that is built anew."""
    torch.manual_seed(1)
    small.run(state, 5)
    checkpoint = small.checkpoint(state)
    whole = small.content(small.run(state, 5))
    other = small.state(state.recipe.model.name, engine="compile", **LAZY)
    torch.manual_seed(99)
    other.restore(checkpoint)
    torch.testing.assert_close(small.content(small.run(other, 5)), whole, rtol=0, atol=0)


@needs_a_compiler
@pytest.mark.slow
def test_a_compiled_run_resumes_exactly_in_another_process(wgan_process, tmp_path):
    model = "model={name: mlp, latent_dim: 8, generator: {widths: [16]}, critic: {widths: [16]}}"
    words = (
        "--engine",
        "compile",
        "--amp",
        "off",
        "--set",
        model,
        "--set",
        "optim.lr_schedule=none",
        "--set",
        "threads=1",
    )
    common = ("train", "--quiet", "--device", "cpu")
    for name, steps in (("whole", 8), ("halves", 4)):
        result = wgan_process(*common, *words, "--steps", steps, "--out", tmp_path / name)
        assert result.status == 0, result.stderr
    assert wgan_process(*common, "--resume", tmp_path / "halves", "--steps", 8).status == 0
    whole, halves = ((tmp_path / name / "G.pth").read_bytes() for name in ("whole", "halves"))
    assert whole == halves
    assert RunDir(tmp_path / "halves").read_recipe().engine == "compile", "it did not fall back"


def spoilt(phase: Phase, error: float, when: bool) -> Phase:
    """A phase whose loss is wrong by a share where it is compiled, in batches that penalise or do not."""

    def loss(networks, batch: Batch) -> Loss:
        right = phase.loss(networks, batch)
        if torch.compiler.is_compiling() and batch.apply_penalty == when:
            return Loss(right.total * (1.0 + error), right.terms)
        return right

    return Phase(phase.name, phase.trains, phase.repeats, loss, phase.uses_real, None, phase.penalty_interval)


@pytest.mark.parametrize(("which", "when"), [(0, True), (0, False), (1, True)])
def test_a_loss_that_is_wrong_when_compiled_is_refused(small, traced, which, when):
    state = small.state(**LAZY)
    phases = list(state.objective.phases)
    phases[which] = spoilt(phases[which], 0.01, when)
    step = state.iteration
    step.objective = type(state.objective)(tuple(phases))
    step.losses = {phase.name: phase.loss for phase in phases}
    with pytest.raises(EngineUnavailable, match=rf"^the {phases[which].name}'s gradients, compiled, are off by 1\.0%$"):
        rehearse("compile", step)


def test_gradients_that_are_no_numbers_are_refused(small, traced):
    state = small.state()
    with torch.no_grad():
        next(state.networks["critic"].parameters()).fill_(float("nan"))
    with pytest.raises(EngineUnavailable, match="nan"):
        rehearse("compile", state.iteration)


def test_a_compiler_that_fails_leaves_the_run_eager_with_the_reason(small, monkeypatch):
    def fails(loss, **options):
        raise RuntimeError("no C++ compiler here\nand much more")

    monkeypatch.setattr(compile.torch, "compile", fails)
    state = small.state(engine="compile")
    assert (state.recipe.engine, state.why_so_fast) == ("eager", "compile cannot serve: no C++ compiler here")
    assert state.iterate is state.iteration
