"""Probes of the GPU check: failed captures, weight gradients in double backward, sampling, threads of the CPU."""

from __future__ import annotations

import time
import traceback
from functools import partial

import common
import torch
from gpu_results import describe, device, event_ms, four, keep
from torch.nn import functional as F

from wgan_cli.data import native_shape
from wgan_cli.networks import build_network
from wgan_cli.outputs.sampling import generate, sample_latents
from wgan_cli.recipe import load_recipe
from wgan_cli.training.build_state import build_state
from wgan_cli.utils.cores import usable_cores


def capture_fail() -> None:
    """Record the state after a failed capture in this version of torch, and what repairs it."""

    here, stream = device(), torch.cuda.Stream(device())
    place, pool = torch.zeros(1, device=here), torch.cuda.graph_pool_handle()
    found: dict[str, str] = {"torch": torch.__version__}

    def attempt(what: str, call) -> bool:
        try:
            call()
            torch.cuda.synchronize()
            found[what] = "works"
        except Exception as error:
            found[what] = describe(error)
        return found[what] == "works"

    def capture(fails: bool, shared=None) -> None:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.stream(stream), torch.cuda.graph(graph, pool=shared, stream=stream):
            torch.randn(4, device=here)
            if fails:
                place.item()

    attempt("a capture before", lambda: capture(False))
    attempt("the capture that waits", lambda: capture(True, pool))
    found["current stream is the default"] = str(torch.cuda.current_stream() == torch.cuda.default_stream())
    attempt("random numbers after it", lambda: torch.randn(4, device=here))
    attempt("random numbers on its stream", lambda: _on(stream, lambda: torch.randn(4, device=here)))
    attempt("emptying the cache after it", torch.cuda.empty_cache)
    attempt("another capture after it", lambda: capture(False))
    attempt("random numbers after another capture", lambda: torch.randn(4, device=here))

    def bare() -> None:  # a capture without the context, which empties the cache
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.stream(stream):
            graph.capture_begin()
            torch.randn(4, device=here)
            graph.capture_end()

    attempt("a bare capture", bare)
    attempt("random numbers after a bare capture", lambda: torch.randn(4, device=here))
    attempt("ending the pool by hand", lambda: torch._C._cuda_endAllocateToPool(here.index or 0, pool))
    attempt("emptying the cache at the end", torch.cuda.empty_cache)
    attempt("a capture at the end", lambda: capture(False))
    attempt("random numbers at the end", lambda: torch.randn(4, device=here))

    def asked_before() -> None:
        torch.cuda.set_sync_debug_mode("error")
        try:
            place.item()
        finally:
            torch.cuda.set_sync_debug_mode("default")

    attempt("sync debug mode finds it without a capture (an error is right)", asked_before)
    keep("capture_fail", **found)


def _on(stream, call) -> None:

    with torch.cuda.stream(stream):
        call()


SHAPES = (  # name, N, C, side, out, kernel, stride, padding
    ("mnist critic 1", 64, 1, 28, 16, 5, 2, 2),
    ("mnist critic 2", 64, 16, 14, 32, 5, 2, 2),
    ("resnet image", 64, 3, 32, 128, 3, 1, 1),
    ("resnet 32x32", 64, 128, 32, 128, 3, 1, 1),
    ("resnet 16x16", 64, 128, 16, 128, 3, 1, 1),
    ("resnet 8x8", 64, 128, 8, 128, 3, 1, 1),
    ("resnet pooled", 64, 128, 32, 128, 4, 2, 1),
)


def double_backward() -> None:
    """Time the penalty's weight gradient as autograd computes it and as an ordinary weight gradient.

    Autograd uses a convolution with an image-sized kernel; compare conv2d_gradfix in NVIDIA's StyleGAN2-ADA.
    """
    torch.manual_seed(0)
    for form in ("bf16", "off", "tf32"):
        torch.backends.cudnn.allow_tf32 = form == "tf32"
        torch.backends.cuda.matmul.allow_tf32 = form == "tf32"
        for name, *shape in SHAPES:
            try:
                keep("double_backward", shape=name, format=form, **_double_backward(form, *shape))
            except Exception as error:
                keep("double_backward", shape=name, format=form, failed=describe(error))


def _double_backward(form: str, n: int, channels: int, side: int, out: int, kernel: int, stride: int, pad: int) -> dict:
    """Return relative difference and milliseconds of a convolution's forward, data and weight gradients."""
    dtype, backward = torch.bfloat16 if form == "bf16" else torch.float32, torch.ops.aten.convolution_backward

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, device=device(), dtype=dtype).contiguous(memory_format=torch.channels_last)

    x, w = random(n, channels, side, side), random(out, channels, kernel, kernel)
    y = F.conv2d(x, w, None, stride, pad)
    g, v = torch.randn_like(y), torch.randn_like(x)
    rest = ([stride] * 2, [pad] * 2, [1, 1], False, [0, 0], 1)
    x.requires_grad_(), w.requires_grad_()
    (gradient,) = torch.autograd.grad(F.conv2d(x, w, None, stride, pad), x, g, create_graph=True)

    def second() -> torch.Tensor:
        return torch.autograd.grad(gradient, w, v, retain_graph=True)[0]

    def direct() -> torch.Tensor:
        return backward(g, v, w, None, *rest, [False, True, False])[1]

    difference = ((second() - direct()).float().norm() / direct().float().norm()).item()
    calls = {
        "forward": lambda: F.conv2d(x, w, None, stride, pad),
        "data": lambda: backward(g, x, w, None, *rest, [True, False, False])[0],
        "weight": direct,
        "weight, double backward": second,
    }
    times = {}
    for name, call in calls.items():
        with torch.set_grad_enabled(call is second):
            once = event_ms(call, 2)
            times[name] = four(event_ms(call, max(3, min(50, int(60 / max(once, 0.02))))))
    ratio = four(times["weight, double backward"] / times["weight"])
    return {"difference": four(difference), "ms": times, "ratio": ratio}


def sampling(*names: str) -> None:
    """Check whether an image depends on its batch or the call, and how far GPU results are from CPU results."""

    for name in names or ("mnist_dcgan", "cifar10_resnet", "mnist_mlp", "cifar10_style"):
        try:
            recipe = load_recipe(name, [])
            torch.manual_seed(0)
            network = build_network("generator", recipe, native_shape(recipe.data)).eval().requires_grad_(False)
            for weight in network.parameters():  # freshly initialized generators produce gray
                if weight.ndim > 1:
                    weight.mul_(3.0)
            z = sample_latents(recipe.model.latent_dim, 100, 0)
            host = torch.cat(list(generate(network, z)))
            network.to(device())
            facts, found = {}, []
            for turn in ("first", "again"):
                whole = torch.cat(list(generate(network, z)))
                found.append(whole)
                alone = torch.cat([torch.cat(list(generate(network, z[i : i + 1]))) for i in (0, 1, 17, 63, 64, 99)])
                turned = torch.cat(list(generate(network, z[::-1].copy()))).flip(0)
                away = (whole.int() - host.int()).abs()
                facts[turn] = {
                    "alone_equal": bool(torch.equal(whole[[0, 1, 17, 63, 64, 99]], alone)),
                    "backwards_equal": bool(torch.equal(whole, turned)),
                    "max_difference_from_cpu": int(away.max()), "share_differs": four((away > 0).float().mean().item()),
                }  # fmt: skip
            keep("sampling", recipe=name, again_equal=bool(torch.equal(*found)), **facts)
        except Exception as error:
            keep("sampling", recipe=name, failed=describe(error))
            traceback.print_exc()


SWEEP_SECONDS = 1.0  # of each number of threads


def threads(*names: str) -> None:
    """Time steps on the CPU by number of threads, and record what training chooses and how long that takes."""
    cpu, default = torch.device("cpu"), torch.get_num_threads()
    for name in names:
        try:
            recipe = load_recipe(name, ["epochs=null", "steps=1000000", "eval_every=null", "engine=eager"])
            images = common.made_up_images(native_shape(recipe.data))
            state = build_state(recipe, images, cpu, tune=False)
            facts: dict[str, float] = {}
            for count in (1, 2, 4, 8, 16):
                if count <= len(usable_cores()):
                    torch.set_num_threads(count)
                    state.engine(0)  # prepares kernels
                    facts[str(count)] = four(common.steps_per_second(partial(state.engine, 0), SWEEP_SECONDS, cpu))
            torch.set_num_threads(default)
            began = time.perf_counter()
            tuned = build_state(recipe, images, cpu)
            chosen = {"chosen": tuned.recipe.threads, "choice_s": four(time.perf_counter() - began)}
            keep("threads", recipe=name, amp=state.recipe.amp, steps_per_second=facts, **chosen)
        except Exception as error:
            keep("threads", recipe=name, failed=describe(error))
            traceback.print_exc()
