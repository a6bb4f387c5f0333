"""Copies in host memory of what the next steps change in place, without a wait for the device."""

from __future__ import annotations

import threading

import pytest
import torch
from helpers.same_run import assert_same

from wgan_cli.training.recording.host_copy import host_copy

GPU = torch.device("cuda")
HALF_A_SECOND = 1_000_000_000  # cycles


def test_layout_and_shared_memory():
    image = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        inferred = image * 2
    weight = torch.nn.Parameter(torch.randn(3))
    copy = host_copy((image, {"a": image, "b": image[:1]}, inferred, weight, None, "text"))()
    assert_same(copy[2:], (image * 2, weight.detach(), None, "text"))
    assert copy[0].equal(image) and copy[0].stride() == image.stride()
    assert copy[1]["a"] is copy[0] and copy[0].data_ptr() != image.data_ptr()
    assert copy[1]["b"].equal(image[:1])
    assert not copy[3].requires_grad


def test_checkpoints(small):
    state = small.run(small.state("dcgan"), 2)
    before = small.checkpoint(state)
    full, generator = host_copy((state.full_checkpoint(), state.generator_checkpoint()))()
    small.run(state, 2)
    assert_same(before.networks, full.networks)
    assert_same(before.training["random"], full.training["random"])
    assert_same(before.training["optimizers"], full.training["optimizers"])
    weights = zip(generator.networks["generator"].values(), full.networks["generator"].values(), strict=True)
    assert all(one is other for one, other in weights), "both files have the averaged generator"


@pytest.mark.gpu
@pytest.mark.parametrize("engine", ["graph", "eager"])
def test_gpu_copy_is_of_its_step(small, engine):
    """The device is far behind the host when it copies, and again when it runs the next steps."""
    state = small.run(small.state("dcgan", images=4000, device=GPU, engine=engine), 8)
    assert state.recipe.engine == engine
    torch.cuda.synchronize()
    idle = host_copy(state.full_checkpoint())()
    for name, weight in state.networks["critic"].state_dict().items():
        copied = idle.networks["critic"][name]
        assert copied.equal(weight.cpu()) and copied.stride() == weight.stride()
    torch.cuda._sleep(HALF_A_SECOND)
    finished = host_copy(state.full_checkpoint())
    small.run(state, 20)
    busy = finished()
    assert_same((idle.networks, idle.training), (busy.networks, busy.training))
    torch.cuda.synchronize()
    assert_same((idle.networks, idle.training), (busy.networks, busy.training))
    changed = state.networks["critic"].state_dict()
    assert not all(changed[name].cpu().equal(weight) for name, weight in busy.networks["critic"].items())


@pytest.mark.gpu
def test_gpu_host_goes_on():
    weights = torch.ones(1 << 20, device=GPU)
    weights.add_(1.0)  # loads the kernel, for which the host may wait
    host_copy(weights)()  # pins the memory that the next copy uses again
    torch.cuda.synchronize()
    torch.cuda._sleep(HALF_A_SECOND)
    weights.add_(1.0)
    finished = host_copy(weights)
    weights.fill_(7.0)
    reached = torch.cuda.Event()
    reached.record()
    assert not reached.query(), "the host waited for the device"
    copy = finished()
    assert copy.is_pinned() and copy.eq(3.0).all()
    assert weights.eq(7.0).all()


@pytest.mark.gpu
def test_gpu_capture_beside_a_waiting_thread(small):
    finished, stop = host_copy(torch.ones(5, device=GPU)), threading.Event()

    def wait() -> None:
        while not stop.is_set():
            finished()

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        state = small.run(small.state("mlp", images=4000, device=GPU, engine="graph"), 8)
    finally:
        stop.set()
        thread.join()
    assert state.engine.captured and not state.engine.failure
