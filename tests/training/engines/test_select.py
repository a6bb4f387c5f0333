"""Engines: which one runs an iteration, and on a GPU that all compute the same."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
import torch

from wgan_cli.data.loaders.device import DeviceLoader
from wgan_cli.data.loaders.streaming import StreamingLoader
from wgan_cli.errors import EngineUnavailable
from wgan_cli.training.engines import select
from wgan_cli.training.engines.cuda_graph import WARM_UP
from wgan_cli.training.engines.select import make_engine
from wgan_cli.training.state import TrainingState

GPU = torch.device("cuda")
LAZY = {"objective": {"name": "wgan_gp", "n_critic": 2, "gp_every": 3}}


class FakeGraphEngine:
    """Stands in for CudaGraph where there is no GPU."""

    def __init__(self, step) -> None:
        self.step, self.warm = step, False

    def warm_up(self) -> None:
        self.warm = True


@pytest.fixture
def calls(monkeypatch) -> list[str]:
    """Record the calls for `compile` instead of compiling."""
    done: list[str] = []
    monkeypatch.setattr(select, "with_compiled_losses", lambda step: done.append("compiled") or step)
    monkeypatch.setattr(select, "check_gradients", lambda compiled, plain: done.append("checked"))
    return done


@pytest.mark.parametrize("verify", [False, True])
def test_eager_is_the_step_itself(small, calls, verify):
    step = small.state().training_step
    assert make_engine("eager", step, verify=verify) is step
    assert (calls, step.notice) == ([], "")


def test_cpu_runs_compiled_losses_and_refuses_graph(small, calls):
    step = small.state().training_step
    assert make_engine("compile", step) is step
    assert calls == ["compiled"]
    assert make_engine("compile", step, verify=True) is step
    assert calls == ["compiled", "compiled", "checked"]
    for verify in (False, True):
        with pytest.raises(EngineUnavailable, match="CUDA"):
            make_engine("graph", step, verify=verify)


@pytest.mark.parametrize(("name", "done"), [("graph", []), ("compile", ["compiled", "checked"])])
def test_verification_warms_up_the_graph(small, calls, monkeypatch, name, done):
    monkeypatch.setattr(select, "CudaGraph", FakeGraphEngine)
    monkeypatch.setattr(select, "graph_obstacle", lambda step: None)
    engine = make_engine(name, small.state().training_step, verify=True)
    assert isinstance(engine, FakeGraphEngine) and engine.warm
    assert calls == done


def test_unavailable_engine_falls_back_to_eager(small):
    state = small.state(engine="graph")
    assert (state.recipe.engine, state.engine) == ("eager", state.training_step)
    assert state.autotune_summary.startswith("graph ") and "needs a CUDA device" in state.autotune_summary


# The rest needs a GPU. Its sums are made in a fixed order, so that equal work gives equal bits.


@pytest.fixture
def in_order(monkeypatch) -> Iterator[None]:
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    yield
    torch.cuda.synchronize()
    gc.collect()
    torch.cuda.empty_cache()


def on_gpu(small, family: str, name: str, **changes) -> TrainingState:
    """A state on the GPU under an engine that must not fall back."""
    state = small.state(family, device=GPU, engine=name, **{"images": 140, **LAZY, **changes})
    assert (state.recipe.engine, state.autotune_summary) == (name, "")
    return state


def replaying(small, family: str = "dcgan", **changes) -> TrainingState:
    """A state in its steady state: every pattern of penalties is captured, and an epoch is long."""
    state = small.run(on_gpu(small, family, "graph", images=200_000, **changes), 4 * WARM_UP)
    assert len(state.engine.captured) == 3
    state.training_step.metrics.reset()
    return state


def assert_near(one: TrainingState, other: TrainingState, tolerance: float) -> None:
    """Weights, statistics and averages; Adam moves a weight by 0.001 a step whatever its gradient's size."""
    for role, network in [*one.networks.items(), ("ema", one.ema.network)]:
        twin = other.ema.network if role == "ema" else other.networks[role]
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
@pytest.mark.parametrize("family", ["mlp", "dcgan", "resnet", "style", "sequential"])
def test_gpu_engines_equal_eager(small, in_order, family, name, tolerance):
    """The same random numbers and images, over epochs of 35 batches; compiled sums are made in another order."""
    states = [on_gpu(small, family, way) for way in ("eager", name)]
    for state in states:
        soften(state)
        torch.manual_seed(5)
        small.run(state, 50)
    assert len(states[1].engine.captured) == 3
    assert_near(*states, tolerance)
    eager, fast = states
    assert eager.loader.state_dict() == fast.loader.state_dict()
    assert eager.training_step.metrics.counts == fast.training_step.metrics.counts
    assert fast.training_step.metrics.read()[0] == pytest.approx(
        eager.training_step.metrics.read()[0], rel=1e-3, abs=1e-3
    )


@pytest.mark.gpu
@pytest.mark.parametrize("amp", ["off", "bf16"])
@pytest.mark.parametrize("family", ["mlp", "dcgan", "resnet", "style", "sequential"])
def test_gpu_graph_resume_is_exact(small, in_order, family, amp):
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
def test_gpu_fp16_resume_is_exact(small, in_order):
    """The loss scale, and the steps since it last changed, are part of the state."""
    state, other = (on_gpu(small, "dcgan", "eager", amp="fp16") for _ in range(2))
    torch.manual_seed(5)
    small.run(state, 17)
    checkpoint = small.checkpoint(state)
    assert checkpoint.training["precision"]["scale"] > 0
    whole = small.content(small.run(state, 20))
    torch.manual_seed(99)
    other.restore(checkpoint)
    torch.testing.assert_close(small.content(small.run(other, 20)), whole, rtol=0, atol=0)
    assert all(value.isfinite().all() for value in whole["networks"]["generator"].values())


@pytest.mark.gpu
def test_gpu_graph_reads_streamed_images(small, in_order):
    """While a thread gathers the next batches, also during the capture."""
    states = [
        on_gpu(small, "dcgan", "graph", data={"source": "digits", "memory_limit": limit}) for limit in (None, "1KB")
    ]
    assert [type(state.loader) for state in states] == [DeviceLoader, StreamingLoader]
    for state in states:
        torch.manual_seed(5)
        small.run(state, 60)
        state.loader.close()
    assert len(states[1].engine.captured) == 3
    resident, streamed = (small.content(state) for state in states)
    torch.testing.assert_close(streamed, resident, rtol=0, atol=0)


@pytest.mark.gpu
def test_gpu_replays_allocate_nothing(small, in_order):
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
@pytest.mark.parametrize(("engine", "amp"), [("eager", "off"), ("graph", "off"), ("graph", "bf16")])
def test_gpu_steps_never_synchronize(small, in_order, engine, amp):
    eager = engine == "eager"
    state = small.run(on_gpu(small, "dcgan", "eager", images=4000), 4) if eager else replaying(small, amp=amp)
    torch.cuda.set_sync_debug_mode("error")
    try:
        small.run(state, 50)
        with pytest.raises(RuntimeError, match="synchroniz"):
            state.loader.position.item()
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.gpu
@pytest.mark.parametrize("settings", [{"name": "adam"}, {"name": "rmsprop"}, {"name": "sgd", "momentum": 0.9}])
def test_gpu_graph_reads_the_learning_rate(small, in_order, settings):
    """A rate of zero stops the weights, though the graph was captured with another."""
    state = replaying(small, "mlp", optim={"lr": 1e-3, "generator": settings, "critic": settings})
    for optimizer in state.optimizers.values():
        optimizer.param_groups[0]["lr"].fill_(0.0)
    before = {name: value.clone() for name, value in state.networks["critic"].state_dict().items()}
    small.run(state, 3)
    for name, value in state.networks["critic"].state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.gpu
def test_gpu_capture_that_synchronizes_is_refused(small, in_order):
    """The same process draws random numbers and trains after it, on the stream that it had before."""
    state = on_gpu(small, "mlp", "eager")
    update = state.ema.update
    state.ema.update = lambda: (update(), state.loader.position.item())
    stream = torch.cuda.current_stream()
    with pytest.raises(EngineUnavailable):
        make_engine("graph", state.training_step, verify=True)
    assert torch.cuda.current_stream() == stream
    state.ema.update = update
    small.run(state, 3)
    assert all(value == value for value in state.training_step.metrics.read()[0].values())
