"""The engines: which one runs an iteration, and on a GPU that all of them compute the same."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
import torch

from wgan_cli.errors import EngineUnavailable
from wgan_cli.training.engines import select
from wgan_cli.training.engines.cuda_graph import WARM_UP, GraphIteration
from wgan_cli.training.engines.select import apply_engine, rehearse
from wgan_cli.training.state import TrainingState

GPU = torch.device("cuda")
LAZY = {"objective": {"name": "wgan_gp", "n_critic": 2, "gp_every": 3}}


class Pretended:
    """Stands in for a GraphIteration where there is no GPU."""

    def __init__(self, step) -> None:
        self.step, self.rehearsed = step, False

    def rehearse(self) -> None:
        self.rehearsed = True


@pytest.fixture
def calls(monkeypatch) -> list[str]:
    """What is done for `compile`, without compiling."""
    done: list[str] = []
    monkeypatch.setattr(select, "compile_losses", lambda step: done.append("compiled"))
    monkeypatch.setattr(select, "check_gradients", lambda step: done.append("checked"))
    return done


def test_eager_is_the_step_itself(small, calls):
    step = small.state().iteration
    assert apply_engine("eager", step) is step and rehearse("eager", step) is step
    assert calls == []


def test_on_a_processor_compiled_losses_run_in_the_step_and_graph_is_refused(small, calls):
    step = small.state().iteration
    assert apply_engine("compile", step) is step
    assert calls == ["compiled"]
    assert rehearse("compile", step) is step
    assert calls == ["compiled", "compiled", "checked"]
    for way in (apply_engine, rehearse):
        with pytest.raises(EngineUnavailable, match="CUDA"):
            way("graph", step)


@pytest.mark.parametrize(("name", "done"), [("graph", []), ("compile", ["compiled", "checked"])])
def test_where_a_graph_can_serve_it_is_rehearsed_with_what_it_captures(small, calls, monkeypatch, name, done):
    monkeypatch.setattr(select, "GraphIteration", Pretended)
    monkeypatch.setattr(select, "why_no_graph", lambda step: None)
    iterate = rehearse(name, small.state().iteration)
    assert isinstance(iterate, Pretended) and iterate.rehearsed
    assert calls == done


def test_a_run_whose_engine_cannot_serve_is_eager_and_says_why(small):
    state = small.state(select="graph")
    assert (state.recipe.engine, state.iterate) == ("eager", state.iteration)
    assert state.why_so_fast == "graph cannot serve: a graph needs a CUDA device, and this run is on cpu"


# What follows needs a GPU. Its sums are made in a fixed order, so that equal work gives equal bits.


@pytest.fixture
def in_order(monkeypatch) -> Iterator[None]:
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    yield
    torch.cuda.synchronize()
    gc.collect()
    torch.cuda.empty_cache()


def on_gpu(small, family: str, name: str, **changes) -> TrainingState:
    """A state on the GPU under an engine that must not fall back."""
    state = small.state(family, device=GPU, select=name, **{"images": 140, **LAZY, **changes})
    assert (state.recipe.engine, state.why_so_fast) == (name, "")
    return state


def replaying(small, family: str = "dcgan", **changes) -> TrainingState:
    """A state in its steady state: every pattern of penalties is captured, and an epoch is long."""
    state = small.run(on_gpu(small, family, "graph", images=200_000, **changes), 4 * WARM_UP)
    assert len(state.iterate.captured) == 3
    state.iteration.terms.means()
    return state


def assert_near(one: TrainingState, other: TrainingState, tolerance: float) -> None:
    """Weights, statistics and averages; Adam moves a weight by 0.001 a step whatever its gradient's size."""
    for role, network in [*one.networks.items(), ("average", one.average.network)]:
        twin = other.average.network if role == "average" else other.networks[role]
        for name, value in twin.state_dict().items():
            torch.testing.assert_close(
                network.state_dict()[name], value, rtol=0, atol=tolerance, msg=lambda m, n=name, r=role: f"{r} {n}: {m}"
            )


def soften(state: TrainingState) -> None:
    """Raise Adam's epsilon, so that the rounding noise of a gradient that ought to be zero is not a whole step."""
    for optimizer in state.optimizers.values():
        for group in optimizer.param_groups:
            group["eps"] = 1e-3


@pytest.mark.gpu
@pytest.mark.parametrize(
    ("name", "tolerance"), [("graph", 1e-4), pytest.param("compile", 5e-4, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("family", ["mlp", "dcgan", "resnet", "style"])
def test_fifty_steps_equal_eagers(small, in_order, family, name, tolerance):
    """The same random numbers and images, over epochs of 35 batches; compiled sums are made in another order."""
    states = [on_gpu(small, family, way) for way in ("eager", name)]
    for state in states:
        soften(state)
        torch.manual_seed(5)
        small.run(state, 50)
    assert isinstance(states[1].iterate, GraphIteration) and len(states[1].iterate.captured) == 3
    assert_near(*states, tolerance)
    eager, fast = states
    assert eager.loader.state_dict() == fast.loader.state_dict()
    assert eager.iteration.terms.counts == fast.iteration.terms.counts
    assert fast.iteration.terms.means() == pytest.approx(eager.iteration.terms.means(), rel=1e-3, abs=1e-3)


@pytest.mark.gpu
@pytest.mark.parametrize("amp", ["off", "bf16"])
@pytest.mark.parametrize("family", ["mlp", "dcgan", "resnet", "style"])
def test_resuming_under_a_graph_is_exact(small, in_order, family, amp):
    state = on_gpu(small, family, "graph", amp=amp)
    torch.manual_seed(5)
    small.run(state, 17)
    checkpoint = small.checkpoint(state)
    whole = small.content(small.run(state, 20))
    other = on_gpu(small, family, "graph", amp=amp)
    torch.manual_seed(99)
    other.restore(checkpoint)
    torch.testing.assert_close(small.content(small.run(other, 20)), whole, rtol=0, atol=0)


@pytest.mark.gpu
def test_a_thousand_replays_take_no_memory(small, in_order):
    state = replaying(small)

    def taken() -> tuple[int, ...]:
        torch.cuda.synchronize()
        stats = torch.cuda.memory_stats()
        counts = ("allocation.all.allocated", "segment.all.allocated", "num_alloc_retries")
        return (torch.cuda.memory_allocated(), torch.cuda.memory_reserved(), *(stats[name] for name in counts))

    before = taken()
    small.run(state, 1000)
    assert taken() == before, "not even for a moment: the host asks the allocator for nothing"


@pytest.mark.gpu
@pytest.mark.parametrize("amp", ["off", "bf16"])
def test_the_steady_state_never_waits_for_the_device(small, in_order, amp):
    state = replaying(small, amp=amp)
    torch.cuda.set_sync_debug_mode("error")
    try:
        small.run(state, 50)
        with pytest.raises(RuntimeError, match="synchroniz"):
            state.loader.place.item()
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.gpu
def test_eager_iterations_do_not_wait_either(small, in_order):
    state = small.run(on_gpu(small, "dcgan", "eager", images=4000), 4)
    torch.cuda.set_sync_debug_mode("error")
    try:
        small.run(state, 10)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.gpu
def test_a_new_learning_rate_reaches_a_graph(small, in_order):
    """A rate of zero stops the weights, though the graph was captured with another."""
    state = replaying(small, "mlp")
    for optimizer in state.optimizers.values():
        optimizer.param_groups[0]["lr"].fill_(0.0)
    before = {name: value.clone() for name, value in state.networks["critic"].state_dict().items()}
    small.run(state, 3)
    for name, value in state.networks["critic"].state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.gpu
def test_a_capture_that_waits_for_the_device_is_refused_and_training_goes_on(small, in_order):
    """The same process draws random numbers and trains after it, on the stream that it had before."""
    state = on_gpu(small, "mlp", "eager")
    step, blend = state.iteration, state.ema.blend
    state.ema.blend = lambda: (blend(), step.loader.place.item())
    stream = torch.cuda.current_stream()
    with pytest.raises(EngineUnavailable):
        rehearse("graph", step)
    assert torch.cuda.current_stream() == stream
    state.ema.blend = blend
    small.run(state, 3)
    assert all(value == value for value in state.iteration.terms.means().values())
