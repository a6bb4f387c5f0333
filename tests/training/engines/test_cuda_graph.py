"""The logic around a captured iteration, with a fake that records a step on the processor and replays it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from fake_cuda import FakeCuda, FakeGraph
from torch.utils._python_dispatch import TorchDispatchMode

from wgan_cli.data.loaders.streaming import StreamingLoader
from wgan_cli.errors import EngineUnavailable
from wgan_cli.training.engines.cuda_graph import WARM_UP, GraphIteration, why_no_graph
from wgan_cli.training.state import TrainingState
from wgan_cli.training.step import TrainingStep

CUDA = torch.device("cuda")


@pytest.fixture
def cuda(monkeypatch) -> FakeCuda:
    return FakeCuda(monkeypatch)


def lazy(every: int, n_critic: int = 2) -> dict[str, object]:
    return {"objective": {"name": "wgan_gp", "n_critic": n_critic, "gp_every": every}}


@pytest.mark.parametrize("family", ["mlp", "dcgan", "resnet", "style"])
@pytest.mark.parametrize("every", [1, 3])
def test_fifty_iterations_by_graph_are_fifty_eager_ones(small, cuda, family, every):
    """10 batches an epoch and 2 an iteration, then 7: epochs end between iterations and in the middle of one."""
    for images in (40, 28):
        eager = small.content(small.run(small.state(family, images, **lazy(every)), 50))
        state = small.state(family, images, **lazy(every))
        cuda.callback(state)
        torch.testing.assert_close(small.content(small.run(state, 50)), eager, rtol=0, atol=0)
        assert sum(g.replays for g in cuda.graphs) > 25, "most iterations were replayed"
        cuda.graphs.clear()


PATHS = {
    "objective": {"name": "gan", "r1_weight": 1.0, "gp_every": 2, "path_length_weight": 2.0, "path_length_every": 3}
}


def test_lengths_of_paths_by_graph_are_the_eager_ones(small, cuda):
    """With a penalty in either phase, each in its own rhythm, and a mean that is remembered."""
    eager = small.content(small.run(small.state("style", **PATHS), 50))
    assert eager["training"]["memory"]["mean"] > 0
    state = small.state("style", **PATHS)
    cuda.callback(state)
    torch.testing.assert_close(small.content(small.run(state, 50)), eager, rtol=0, atol=0)
    assert sum(g.replays for g in cuda.graphs) > 20 and len(cuda.graphs) == 4


def with_tricks(small, **objective: object) -> dict[str, object]:
    """Settings that turn on whatever happens inside an iteration besides its loss."""
    critic = {**small.recipe("dcgan").model.critic.model_dump(), "spectral_norm": True, "dropout": 0.2}
    adam = {"lr": 1e-3, "weight_decay": 0.1, "clip_norm": 0.5, "clip_grad_value": 0.1}
    return {
        "model": {**small.recipe("dcgan").model.model_dump(), "critic": critic},
        "objective": {"n_critic": 2, "instance_noise": 0.5, "instance_noise_steps": 30, **objective},
        "optim": {"generator": adam, "critic": {"name": "rmsprop", "lr": 1e-3, "clip_norm": 0.5}},
    }


@pytest.mark.parametrize(
    "objective", [{"name": "gan", "label_flip": 0.2, "r1_weight": 1.0, "gp_every": 3}, {"name": "r3gan"}]
)
def test_the_familys_tricks_by_graph_are_the_eager_ones(small, cuda, objective):
    """Noise that fades with the step, which a graph cannot know, among them."""
    changes = with_tricks(small, **objective)
    eager = small.content(small.run(small.state("dcgan", 200, **changes), 40))
    state = small.state("dcgan", 200, **changes)
    cuda.callback(state)
    torch.testing.assert_close(small.content(small.run(state, 40)), eager, rtol=0, atol=0)
    assert sum(g.replays for g in cuda.graphs) > 20


def test_the_first_iterations_run_eagerly_on_the_captures_stream_and_count(small, cuda):
    state = small.state(images=400)
    cuda.callback(state)
    small.run(state, WARM_UP)
    assert cuda.ran == list(range(WARM_UP)) and not cuda.graphs
    assert set(cuda.streams) == {"side"}
    assert state.loader.state_dict() == {"epoch": 0, "cursor": WARM_UP * 2 * 4}
    critic = dict.fromkeys(("critic_loss", "wasserstein", "gradient_penalty"), 2 * WARM_UP)
    assert state.iteration.terms.counts == {**critic, "generator_loss": WARM_UP}
    small.run(state, 1)
    assert len(cuda.graphs) == 1 and cuda.graphs[0].replays == 1


def test_a_capture_alone_leaves_no_trace(small, cuda):
    state = small.state(images=400)
    iterate = cuda.callback(state)
    small.run(state, WARM_UP)
    before = small.content(state)
    recorded = iterate._capture(WARM_UP)
    assert recorded.counts == {"critic_loss": 2, "wasserstein": 2, "gradient_penalty": 2, "generator_loss": 1}
    torch.testing.assert_close(small.content(state), before, rtol=0, atol=0)
    assert state.iteration.next_real == state.loader.next


def test_replays_count_batches_and_terms(small, cuda):
    state = small.state(images=400)
    cuda.callback(state)
    small.run(state, WARM_UP + 5)
    assert state.loader.state_dict() == {"epoch": 0, "cursor": (WARM_UP + 5) * 2 * 4}
    assert state.loader.place.item() == state.loader.cursor
    assert state.iteration.terms.counts["critic_loss"] == 2 * (WARM_UP + 5)
    assert state.iteration.terms.counts["generator_loss"] == WARM_UP + 5


def test_an_iteration_that_turns_the_page_runs_eagerly(small, cuda):
    state = small.state(images=20)  # 5 batches, so that every third iteration begins a new epoch
    cuda.callback(state)
    turned = []
    for number in range(20):
        epoch, replays = state.loader.epoch, sum(g.replays for g in cuda.graphs)
        small.run(state, 1)
        replayed = sum(g.replays for g in cuda.graphs) > replays
        assert replayed == (number >= WARM_UP and state.loader.epoch == epoch)
        turned.append(state.loader.epoch > epoch)
    assert sum(turned) == 7


def test_there_is_one_graph_for_each_pattern_of_penalties_in_one_memory(small, cuda):
    state = small.state(images=2000, **lazy(3))
    iterate = cuda.callback(state)
    small.run(state, 30)
    assert {pattern[:2] for pattern in iterate.captured} == {(True, False), (False, True), (False, False)}
    assert len(cuda.graphs) == 3 and sum(g.replays for g in cuda.graphs) == 30 - WARM_UP
    assert len(set(cuda.pools)) == 1


def test_a_pattern_runs_eagerly_once_before_it_is_captured(small, cuda):
    """With a penalty in every eighth iteration, the first after a resume comes long after the warm-up; the sum of its
    term begins there, and must not begin in a graph's memory, which the next replay would overwrite."""
    state = small.state(images=2000, **lazy(8, n_critic=1))
    cuda.callback(state)
    state.step = 3
    small.run(state, 15)  # to iteration 17: penalties in 8 and 16
    assert [g.number for g in cuda.graphs] == [6, 16]
    assert state.iteration.terms.counts["gradient_penalty"] == 2


def test_after_a_restore_everything_is_captured_anew(small, cuda):
    state = small.state(images=400)
    iterate = cuda.callback(state)
    small.run(state, 10)
    checkpoint = small.checkpoint(state)
    whole = small.content(small.run(state, 10))
    state.restore(checkpoint)
    assert (iterate.captured, iterate.met, iterate.warm) == ({}, set(), 0)
    torch.testing.assert_close(small.content(small.run(state, 10)), whole, rtol=0, atol=0)
    assert len(cuda.graphs) == 2 and len(set(cuda.pools)) == 2


def test_a_capture_that_fails_gives_its_reason_and_training_goes_on_as_if_none_had_been(small, cuda):
    state = small.state(images=400)
    iterate = cuda.callback(state)
    small.run(state, WARM_UP)
    cuda.fails = RuntimeError("operation not permitted when stream is capturing")
    small.run(state, 5)
    assert iterate.trouble == "operation not permitted when stream is capturing"
    assert state.iteration.next_real == state.loader.next and cuda.current == "default"
    assert not iterate.captured and not cuda.graphs
    eager = small.run(small.state(images=400), WARM_UP + 5)
    torch.testing.assert_close(small.content(state), small.content(eager), rtol=0, atol=0)


def test_the_reason_is_the_first_failure_not_that_of_the_captures_end(small, cuda, monkeypatch):
    @contextmanager
    def ends_badly(captured: FakeGraph, pool: object, stream: str) -> Iterator[None]:
        cuda.capturing = True
        try:
            yield
        finally:
            cuda.capturing = False
            raise RuntimeError("CUDA error: operation failed due to a previous error during capture")

    state = small.state(images=400)
    iterate = cuda.callback(state)
    small.run(state, WARM_UP)
    cuda.fails = ValueError("a host was asked")
    monkeypatch.setattr(torch.cuda, "graph", ends_badly)
    iterate(WARM_UP)
    assert iterate.trouble == "a host was asked"


@pytest.mark.parametrize("images", [40, 28, 12])
def test_a_rehearsal_captures_the_penalty_and_replays(small, cuda, images):
    state = small.state(images=images, **lazy(50))
    cuda.callback(state).rehearse()
    assert [(g.number, g.replays) for g in cuda.graphs] == [(0, 1)]


def on_cuda(state: TrainingState) -> TrainingStep:
    """A step that says it is on a GPU."""
    state.iteration.precision.device = CUDA
    return state.iteration


def test_what_a_graph_can_serve(small):
    assert why_no_graph(on_cuda(small.state())) is None


def test_reasons_why_there_is_no_graph(small):
    on_host = small.state().iteration
    assert "CUDA" in why_no_graph(on_host) and "cpu" in why_no_graph(on_host)
    with pytest.raises(EngineUnavailable, match="CUDA"):
        GraphIteration(on_host)

    streamed = on_cuda(small.state())
    streamed.loader = StreamingLoader(small.images(), 4, 0, torch.device("cpu"))
    assert "streamed" in why_no_graph(streamed)
    streamed.loader.close()

    scaled = on_cuda(small.state())
    scaled.precision.amp = "fp16"
    assert "fp16" in why_no_graph(scaled) and "bf16" in why_no_graph(scaled)

    assert "epoch" in why_no_graph(on_cuda(small.state(images=11)))  # 2 batches, as many as an iteration takes
    assert why_no_graph(on_cuda(small.state(images=12))) is None


class NoHost(TorchDispatchMode):
    """Refuses every operator that hands a number to the host, which a capture cannot survive."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default):
            raise AssertionError(f"{func} waits for the device")
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("amp", ["off", "bf16"])
@pytest.mark.parametrize("family", ["mlp", "dcgan", "resnet", "style"])
def test_an_iteration_asks_the_device_for_nothing(small, family, amp):
    data = {
        "source": "digits",
        "augment": {"mirror": True, "random_crop": 1},
        "diff_augment": ["translation", "cutout"],
    }
    state = small.run(small.state(family, amp=amp, data=data, **lazy(2)), 2)
    state.iteration.average._on_device = torch.zeros(())  # as on a GPU
    with NoHost():
        small.run(state, 3)
    with NoHost(), pytest.raises(AssertionError, match="waits for the device"):
        torch.ones(()).item()


@pytest.mark.parametrize(
    "objective",
    [
        {"name": "gan", "label_flip": 0.2, "r1_weight": 1.0, "gp_weight": 1.0, "gp_points": "real", "gp_sided": "one"},
        {"name": "lsgan", "label_flip": 0.2},
        {"name": "hinge"},
        {"name": "r3gan"},
    ],
)
def test_the_familys_tricks_ask_the_device_for_nothing(small, objective):
    state = small.run(small.state("dcgan", 200, **with_tricks(small, **objective)), 2)
    state.iteration.average._on_device = torch.zeros(())
    with NoHost():
        small.run(state, 3)


def test_lengths_of_paths_ask_the_device_for_nothing(small):
    state = small.run(small.state("style", **PATHS), 2)
    state.iteration.average._on_device = torch.zeros(())
    with NoHost():
        small.run(state, 4)


def test_clipping_asks_the_device_for_nothing(small):
    state = small.run(small.state(objective="wgan"), 2)
    state.iteration.average._on_device = torch.zeros(())
    with NoHost():
        small.run(state, 3)
