"""Where the time of a step goes: names into groups, shares, and the count of operations against a hand's."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile


@pytest.fixture
def step_anatomy(benchmark):
    return benchmark("step_anatomy")


@pytest.fixture
def anatomy(benchmark):
    return benchmark("anatomy")


KERNELS = {
    "convolutions backward": (
        "aten::convolution_backward",
        "sm90_xmma_dgrad_implicit_gemm_bf16bf16_bf16f32_f32_nhwckrsc_nhwc_tilesize128x64x64_cudnn",
        "void cutlass__5x_cudnn::Kernel<cutlass_tensorop_bf16_s16816wgrad_optimized_bf16_128x64_32x6_nhwc_align8>(...)",
    ),
    "convolutions forward": (
        "aten::mkldnn_convolution",
        "aten::_convolution",
        "sm80_xmma_fprop_implicit_gemm_tf32f32_tf32f32_f32_nhwckrsc_nchw_tilesize64x32x64",
        "void implicit_convolve_sgemm<float, float, 1024, 5, 5, 3, 3, 3, 1, false, false, true>(int, int)",
    ),
    "matrix products": (
        "aten::addmm",
        "aten::mm",
        "nvjet_tst_64x8_64x16_2x1_v_bz_TNT",
        "ampere_sgemm_128x64_tn",
        "void cublasLt::splitKreduce_kernel<32, 16, int, float>(...)",
        "void gemv2T_kernel_val<int, int, float, float, float, float, 128, 16, 4, 4>(...)",
    ),
    "normalisation": (
        "aten::native_batch_norm_backward",
        "void cudnn::bn_fw_tr_1C11_kernel_NCHW<float, float, int, 512, true, 1, true>(...)",
        "void at::native::(anonymous namespace)::RowwiseMomentsCUDAKernel<float, float>(...)",
    ),
    "optimizer and average": (
        "aten::_fused_adam_",
        "Optimizer.step#Adam.step",
        "void at::native::(anonymous namespace)::multi_tensor_apply_kernel<FusedOptimizerTensorListMetadata<4>>(...)",
    ),
    "casts and copies": (
        "aten::_to_copy",
        "Memcpy DtoD (Device -> Device)",
        "void at::native::unrolled_elementwise_kernel<at::native::direct_copy_kernel_cuda(TensorIteratorBase&)>(...)",
        "void cudnn::ops::nchwToNhwcKernel<float, float, float, false, true>(...)",
    ),
    "random numbers": (
        "aten::randn",
        "aten::normal_",
        "void at::native::(anonymous namespace)::distribution_elementwise_grid_stride_kernel<float, 4>(...)",
    ),
    "the rest": (
        "aten::tanh",
        "aten::to",
        "aten::leaky_relu_backward",
        "autograd::engine::evaluate_function: ConvolutionBackward0",
        "ConvolutionBackward0",
        "aten::_convolution_double_backward",
        "void at::native::vectorized_elementwise_kernel<4, at::native::tanh_kernel_cuda>(...)",
    ),
}


@pytest.mark.parametrize(("group", "name"), [(group, name) for group, names in KERNELS.items() for name in names])
def test_a_kernels_name_says_what_work_it_does(anatomy, group, name):
    assert anatomy.group_of(name) == group
    assert group in anatomy.GROUPS


def event(name, start, end, parent=None, device="CPU", self_time=None, annotation=False):
    return SimpleNamespace(
        name=name,
        cpu_parent=parent,
        device_type=SimpleNamespace(name=device),
        is_user_annotation=annotation,
        self_cpu_time_total=end - start if self_time is None else self_time,
        time_range=SimpleNamespace(start=start, end=end, elapsed_us=lambda: end - start),
    )


def test_operators_count_once_however_many_carry_them_out(anatomy):
    whole = event("aten::convolution", 0, 100, self_time=10)
    inner = event("aten::_convolution", 10, 100, whole, self_time=30)
    events = [whole, inner, event("aten::mkldnn_convolution", 40, 100, inner)]
    step = event("Optimizer.step#Adam.step", 100, 400, self_time=200)
    events += [step, event("aten::copy_", 200, 300, step)]

    rows = anatomy.group_rows(anatomy.kernels_of(events, steps=2, device="cpu"))
    optimizer, convolutions = rows
    assert convolutions == {"name": "convolutions forward", "seconds": 50e-6, "calls": 0.5, "share": 0.25}
    # A copy inside the optimizer's step is the optimizer's.
    assert optimizer == {"name": "optimizer and average", "seconds": 150e-6, "calls": 0.5, "share": 0.75}


def test_shares_add_up_and_the_rest_comes_last(anatomy):
    events = [event("aten::tanh", 0, 70), event("aten::mm", 70, 90), event("aten::randn", 90, 100)]
    rows = anatomy.group_rows(anatomy.kernels_of(events, steps=1, device="cpu"))
    assert [(row["name"], row["share"]) for row in rows] == [
        ("matrix products", 0.2),
        ("random numbers", 0.1),
        ("the rest", 0.7),
    ]
    assert anatomy.group_rows([]) == []


def test_a_gpu_is_busy_while_any_kernel_runs(anatomy):
    events = [
        event("kernel", 0, 100, device="CUDA"),
        event("beside it", 20, 40, device="CUDA"),
        event("over its end", 90, 130, device="CUDA"),
        event("later", 200, 250, device="CUDA"),
        event("a span that only names what is in it", 0, 300, device="CUDA", annotation=True),
        event("aten::mm", 0, 1000),
    ]
    assert anatomy.busy_seconds(events, "cuda") == pytest.approx(180e-6)
    assert sum(kernel.seconds for kernel in anatomy.kernels_of(events, 1, "cuda")) == pytest.approx(210e-6)
    assert anatomy.busy_seconds([], "cuda") == 0.0


def test_a_real_profile_counts_what_was_called(anatomy):
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.LeakyReLU(), nn.Conv2d(2, 2, 3), nn.Flatten(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(network.parameters())
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        images = torch.randn(4, 1, 8, 8, requires_grad=True)
        (gradient,) = torch.autograd.grad(network(images).sum(), images, create_graph=True)
        gradient.square().sum().backward()
        optimizer.step()
    rows = {row["name"]: row for row in anatomy.group_rows(anatomy.kernels_of(profiler.events(), 1, "cpu"))}
    assert rows["optimizer and average"]["calls"] == 1
    assert rows["random numbers"]["calls"] == 1
    assert rows["convolutions backward"]["calls"] >= 2  # the first gradient; the second one's kernels differ by version
    assert rows["convolutions forward"]["calls"] >= 4  # two forward, two in the double backward
    assert sum(row["share"] for row in rows.values()) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("batch", [1, 5])
def test_operations_are_counted_forward_backward_and_twice_backward(step_anatomy, benchmark, batch):
    wide, narrow = 6, 4
    critic = nn.Sequential(nn.Flatten(), nn.Linear(wide, narrow), nn.Linear(narrow, 1))
    images = torch.randn(batch, 1, 2, 3)
    first, last = 2 * batch * wide * narrow, 2 * batch * narrow  # of one product of either layer

    def apply_penalty():
        benchmark("textbook").gradient_penalty(critic, images, images, torch.device("cpu")).backward()

    assert step_anatomy.count_flops(lambda: critic(images)) == first + last
    # Twice backward: the weights' gradients of both layers, and of the signal between them.
    assert step_anatomy.count_flops(apply_penalty) == 3 * (first + last) + first


@pytest.mark.skipif(not hasattr(torch.ops.mkldnn, "_linear_pointwise"), reason="this torch has no such product")
def test_a_product_that_torch_does_not_count_is_counted(step_anatomy):
    x, weight, bias = torch.randn(3, 5), torch.randn(7, 5), torch.randn(7)

    def multiply():
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")

    torch.testing.assert_close(multiply(), nn.functional.linear(x, weight, bias))
    assert step_anatomy.count_flops(multiply) == 2 * 3 * 5 * 7


def test_a_tiny_run_writes_the_whole_anatomy(step_anatomy, monkeypatch, tmp_path, capsys):
    out = tmp_path / "anatomy.json"
    options = ["--recipe", "digits_dcgan", "--amp", "off", "--batch", "2", "3", "--seconds", "0.02", "--out", str(out)]
    small = ["model.generator.channels=[4]", "model.critic.channels=[4]", "model.latent_dim=4"]
    options += [word for setting in small for word in ("--set", setting)]
    monkeypatch.setattr(sys, "argv", ["step_anatomy.py", *options])
    monkeypatch.setitem(step_anatomy.SIZES, "cpu", (8, 16))
    step_anatomy.main()

    result = json.loads(out.read_text(encoding="utf-8"))
    found = result["roofline"]["off"]
    assert found["calls"].keys() == {"product 8", "product 16", "convolution 5x5"}
    assert found["flop_per_second"] == max(found["calls"].values()) > 0
    two, three = result["cases"]
    assert (two["batch_size"], three["batch_size"]) == (2, 3)
    assert three["flop_per_step"] == pytest.approx(1.5 * two["flop_per_step"], rel=0.05)
    for case in (two, three):
        rate = case["flop_per_step"] / case["seconds_per_step"]["median"]
        assert case["flop_per_second"] == pytest.approx(rate, rel=1e-3)
        assert case["share_of_peak"] == pytest.approx(rate / found["flop_per_second"], rel=1e-3)
        assert case["busy_share"] is None
        assert sum(group["share"] for group in case["groups"]) == pytest.approx(1, abs=0.01)
        assert {"convolutions forward", "convolutions backward", "optimizer and average"} <= {
            group["name"] for group in case["groups"]
        }
    shown = capsys.readouterr().out
    assert "digits_dcgan off, batch 2" in shown and "GFLOP/s" in shown


def test_a_recipe_that_is_not_there_is_named(step_anatomy, benchmark, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["step_anatomy.py", "--recipe", "digits_dcgam", "--amp", "off"])
    with pytest.raises(SystemExit) as stopped:
        benchmark("common").run(step_anatomy.main)
    error, hint = capsys.readouterr().err.splitlines()
    assert stopped.value.code == 2
    assert error.startswith("error: ") and "digits_dcgam" in error
    assert hint.startswith("hint: ") and "digits_dcgan" in hint
