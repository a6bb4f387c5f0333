"""The CUDA graph engine's logic, with a fake that records a step on a CPU and replays it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from helpers.fake_cuda import FakeCuda, FakeGraph
from torch.utils._python_dispatch import TorchDispatchMode

from wgan_cli.data.loaders.streaming import StreamingLoader
from wgan_cli.errors import EngineUnavailable, ExitStatus, WganError
from wgan_cli.training.engines import cuda_graph
from wgan_cli.training.engines.cuda_graph import WARM_UP, CudaGraph, graph_obstacle
from wgan_cli.training.state import TrainingState
from wgan_cli.training.step import TrainingStep

CUDA = torch.device("cuda")
PATHS = {
    "objective": {"name": "gan", "r1_weight": 1.0, "gp_every": 2, "path_length_weight": 2.0, "path_length_every": 3}
}


@pytest.fixture
def cuda(monkeypatch) -> FakeCuda:
    monkeypatch.setattr(cuda_graph, "FAILED_CAPTURE_IS_HARMLESS", True)  # also before torch 2.13
    return FakeCuda(monkeypatch)


def lazy(every: int, n_critic: int = 2) -> dict[str, object]:
    return {"objective": {"name": "wgan_gp", "n_critic": n_critic, "gp_every": every}}


def with_tricks(small, **objective: object) -> dict[str, object]:
    """Settings that turn on whatever happens inside an iteration besides its loss."""
    critic = {**small.recipe("dcgan").model.critic.model_dump(), "spectral_norm": True, "dropout": 0.2}
    adam = {"lr": 1e-3, "weight_decay": 0.1, "clip_norm": 0.5, "clip_grad_value": 0.1}
    return {
        "model": {**small.recipe("dcgan").model.model_dump(), "critic": critic},
        "objective": {"n_critic": 2, "instance_noise": 0.5, "instance_noise_steps": 30, **objective},
        "optim": {"generator": adam, "critic": {"name": "rmsprop", "lr": 1e-3, "clip_norm": 0.5}},
    }


def replays(cuda: FakeCuda) -> int:
    return sum(graph.replays for graph in cuda.graphs)


def check_equal_to_eager(small, cuda, family: str, images: int, steps: int, **changes: object) -> dict:
    eager = small.content(small.run(small.state(family, images, **changes), steps))
    state = small.state(family, images, **changes)
    cuda.use_graph(state)
    torch.testing.assert_close(small.content(small.run(state, steps)), eager, rtol=0, atol=0)
    assert replays(cuda) >= steps // 2 - WARM_UP, "most iterations were replayed"
    return eager


@pytest.mark.parametrize(
    ("family", "every", "images"),
    [
        ("mlp", 1, 40), ("mlp", 3, 28), ("dcgan", 3, 28), ("sequential", 1, 28),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in (("resnet", 3, 40), ("style", 1, 28))),
    ],
)  # fmt: skip
def test_equals_eager(small, cuda, family, every, images):
    """10 or 7 batches per epoch and 2 per iteration: epochs end between iterations and inside one."""
    check_equal_to_eager(small, cuda, family, images, 16, **lazy(every))


def test_path_length_equals_eager(small, cuda):
    """Two penalties with different intervals, and a running mean."""
    eager = check_equal_to_eager(small, cuda, "style", 40, 20, **PATHS)
    assert eager["training"]["memory"]["mean"] > 0
    assert len(cuda.graphs) == 4


@pytest.mark.parametrize(
    "objective", [{"name": "gan", "label_flip": 0.2, "r1_weight": 1.0, "gp_every": 3}, {"name": "r3gan"}]
)
def test_tricks_equal_eager(small, cuda, objective):
    """Among them instance noise that fades with the step, which a graph doesn't know."""
    check_equal_to_eager(small, cuda, "dcgan", 200, 16, **with_tricks(small, **objective))


def test_warm_up_is_eager_and_counts(small, cuda):
    state = small.state(images=400)
    cuda.use_graph(state)
    small.run(state, WARM_UP)
    assert cuda.ran == list(range(WARM_UP)) and not cuda.graphs
    assert set(cuda.streams) == {"side"}
    assert state.loader.state_dict() == {"epoch": 0, "cursor": WARM_UP * 2 * 4}
    critic = dict.fromkeys(("critic_loss", "wasserstein", "gradient_penalty"), 2 * WARM_UP)
    assert state.training_step.metrics.counts == {**critic, "generator_loss": WARM_UP}
    small.run(state, 1)
    assert len(cuda.graphs) == 1 and cuda.graphs[0].replays == 1
    small.run(state, 4)
    assert state.loader.state_dict() == {"epoch": 0, "cursor": (WARM_UP + 5) * 2 * 4}
    assert state.loader.position.item() == state.loader.cursor
    assert state.training_step.metrics.counts == {
        **dict.fromkeys(critic, 2 * (WARM_UP + 5)),
        "generator_loss": WARM_UP + 5,
    }


@pytest.mark.parametrize("images", [5, 8, 20])
def test_epochs_end_inside_replays(small, cuda, images):
    """With 1, 2 or 5 batches per epoch, of which an iteration takes 2."""
    check_equal_to_eager(small, cuda, "dcgan", images, 80)
    assert replays(cuda) == 80 - WARM_UP
    assert cuda.step.loader.epoch >= 31


def test_streamed_images_equal_eager_ones(small, cuda):
    """A replay finds its batches, and a resumed run the batches after them."""
    few = {"data": {"source": "digits", "memory_limit": "1KB"}}
    check_equal_to_eager(small, cuda, "dcgan", 28, 16, **few)
    assert isinstance(cuda.step.loader, StreamingLoader)
    cuda.step.loader.close()


def test_failed_capture_loses_no_streamed_batch(small, cuda):
    few = {"data": {"source": "digits", "memory_limit": "1KB"}}
    state = small.state("mlp", 28, **few)
    cuda.use_graph(state)
    small.run(state, WARM_UP)
    cuda.fails = RuntimeError("no memory")
    assert small.run(state, 5).engine.failure
    eager = small.run(small.state("mlp", 28), WARM_UP + 5)
    torch.testing.assert_close(small.content(state), small.content(eager), rtol=0, atol=0)
    state.loader.close()


def test_one_graph_per_penalty_pattern_in_one_pool(small, cuda):
    state = small.state(images=2000, **lazy(3))
    engine = cuda.use_graph(state)
    small.run(state, 30)
    assert {pattern[:2] for pattern in engine.captured} == {(True, False), (False, True), (False, False)}
    assert len(cuda.graphs) == 3 and replays(cuda) == 30 - WARM_UP
    assert len(set(cuda.pools)) == 1


def test_pattern_runs_eagerly_before_its_capture(small, cuda):
    """With a penalty every eighth iteration, its first run after a resume comes long after the warm-up; the sum of its
    term is allocated there, and must not be in a graph's memory, which the next replay would overwrite."""
    state = small.state(images=2000, **lazy(8, n_critic=1))
    cuda.use_graph(state)
    state.step = 3
    small.run(state, 15)  # up to iteration 17: penalties in 8 and 16
    assert [g.number for g in cuda.graphs] == [6, 16]
    assert state.training_step.metrics.counts["gradient_penalty"] == 2


def test_restore_drops_all_graphs(small, cuda):
    state = small.state(images=400)
    engine = cuda.use_graph(state)
    small.run(state, 10)
    checkpoint = small.checkpoint(state)
    whole = small.content(small.run(state, 10))
    state.restore(checkpoint)
    assert (engine.captured, engine.eager_patterns, engine.iterations) == ({}, set(), 0)
    torch.testing.assert_close(small.content(small.run(state, 10)), whole, rtol=0, atol=0)
    assert len(cuda.graphs) == 2 and len(set(cuda.pools)) == 2


def test_failed_capture_continues_eagerly_with_a_notice(small, cuda):
    state = small.state(images=400)
    engine = cuda.use_graph(state)
    assert engine.notice == ""
    small.run(state, WARM_UP)
    cuda.fails = RuntimeError("operation not permitted when stream is capturing")
    small.run(state, 5)
    assert "operation not permitted when stream is capturing" in state.engine.notice and cuda.current == "default"
    assert not engine.captured and not cuda.graphs
    eager = small.run(small.state(images=400), WARM_UP + 5)
    torch.testing.assert_close(small.content(state), small.content(eager), rtol=0, atol=0)


def test_notice_names_the_first_error_of_a_capture(small, cuda, monkeypatch):
    @contextmanager
    def ends_badly(captured: FakeGraph, **options: object) -> Iterator[None]:
        cuda.capturing = True
        try:
            yield
        finally:
            cuda.capturing = False
            raise RuntimeError("CUDA error: operation failed due to a previous error during capture")

    state = small.state(images=400)
    engine = cuda.use_graph(state)
    small.run(state, WARM_UP)
    cuda.fails = ValueError("a host was asked")
    monkeypatch.setattr(torch.cuda, "graph", ends_badly)
    engine(WARM_UP)
    assert engine.failure == "a host was asked"


@pytest.mark.parametrize("images", [40, 28, 12])
def test_warm_up_captures_the_penalty_and_replays(small, cuda, images):
    state = small.state(images=images, **lazy(50))
    cuda.use_graph(state).warm_up()
    assert [(g.number, g.replays) for g in cuda.graphs] == [(0, 1)]
    assert cuda.sync_debug_mode == 0
    position = state.loader.epoch * (images // 4 * 4) + state.loader.cursor
    assert state.loader.position.item() == position, "the rehearsal takes its batches"


def test_iteration_that_synchronizes_is_never_captured(small, cuda):
    """In older versions of torch, nothing on the device works after a failed capture."""
    engine = cuda.use_graph(small.state(images=400))
    cuda.synchronizes = True
    with pytest.raises(EngineUnavailable, match="synchronizing"):
        engine.warm_up()
    assert (cuda.captures, cuda.sync_debug_mode, cuda.current) == (0, 0, "default")


def test_failed_capture_ends_the_run_where_torch_does_not_recover(small, cuda, monkeypatch):
    monkeypatch.setattr(cuda_graph, "FAILED_CAPTURE_IS_HARMLESS", False)
    state = small.state(images=400)
    engine = cuda.use_graph(state)
    small.run(state, WARM_UP)
    cuda.fails = RuntimeError("no memory for it")
    with pytest.raises(WganError, match="no memory for it") as caught:
        engine(WARM_UP)
    assert "--engine eager" in caught.value.hint and caught.value.status == ExitStatus.FAILED


def on_cuda(state: TrainingState) -> TrainingStep:
    """Return a step that claims to be on a GPU."""
    state.training_step.precision.device = CUDA
    return state.training_step


def test_graph_obstacles(small):
    assert graph_obstacle(on_cuda(small.state())) is None
    on_cpu = small.state().training_step
    assert "CUDA" in graph_obstacle(on_cpu) and "cpu" in graph_obstacle(on_cpu)
    with pytest.raises(EngineUnavailable, match="CUDA"):
        CudaGraph(on_cpu)

    scaled = on_cuda(small.state())
    scaled.precision.amp = "fp16"
    assert "fp16" in graph_obstacle(scaled) and "bf16" in graph_obstacle(scaled)

    split = on_cuda(small.state())
    split.accumulation_steps = 2
    assert "micro-batches" in graph_obstacle(split)
    assert "65 batches" in graph_obstacle(on_cuda(small.state(images=11, **lazy(1, n_critic=65))))
    assert graph_obstacle(on_cuda(small.state(images=11, **lazy(1, n_critic=64)))) is None


class NoHost(TorchDispatchMode):
    """Refuses every operator that hands a number to the host, which a capture cannot survive."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default):
            raise AssertionError(f"{func} waits for the device")
        return func(*args, **(kwargs or {}))


AUGMENT = {"augment": {"mirror": True, "random_crop": 1}, "diff_augment": ["translation", "cutout"]}
AUGMENTED = {"data": {"source": "digits", **AUGMENT}, **lazy(2)}
TRICKS = [
    {"name": "gan", "label_flip": 0.2, "r1_weight": 1.0, "gp_weight": 1.0, "gp_points": "real", "gp_sided": "one"},
    {"name": "lsgan", "label_flip": 0.2},
    {"name": "hinge"},
    {"name": "r3gan"},
]


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        *((family, {**AUGMENTED, "amp": "bf16"}) for family in ("resnet", "style")),
        ("dcgan", AUGMENTED),
        *(("dcgan", objective) for objective in TRICKS),
        ("style", PATHS),
        ("mlp", {"objective": "wgan"}),
    ],
)
def test_iteration_never_waits_for_the_device(small, family, changes):
    state = small.state(family, 200, **(with_tricks(small, **changes) if "name" in changes else changes))
    small.run(state, 2)
    state.ema._weight = torch.zeros(())  # as on a GPU
    with NoHost():
        small.run(state, 4)
    with NoHost(), pytest.raises(AssertionError, match="waits for the device"):
        torch.ones(()).item()
