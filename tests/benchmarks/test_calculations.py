"""Calculations of the benchmarks against closed forms."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from wgan_cli.errors import WganError
from wgan_cli.networks import build_network
from wgan_cli.recipe import ImageShape, load_recipe, recipe_from_dict


def test_spread_and_order_of_rounds(benchmark):
    common = benchmark("common")
    assert common.spread([1.23456, 99.9999, 3.0]) == {"median": 3.0, "min": 1.235, "max": 100.0}
    assert "".join(common.in_turns("abc", 3)) == "abccbaabc"


class Clock:
    """A fake clock that only the device's queue advances."""

    def __init__(self, per_step):
        self.now, self.per_step, self.queue, self.longest_queue = 0.0, per_step, 0, 0

    def step(self):
        self.queue += 1

    def wait(self, device):
        self.longest_queue = max(self.longest_queue, self.queue)
        self.now += self.queue * self.per_step
        self.queue = 0


@pytest.mark.parametrize(("per_step", "longest"), [(0.001, 1.01), (0.3, 1.2), (5.0, 5.0)])
def test_rate_bounds_the_queue(benchmark, monkeypatch, per_step, longest):
    common, clock = benchmark("common"), Clock(per_step)
    monkeypatch.setattr(common.time, "perf_counter", lambda: clock.now)
    monkeypatch.setattr(common, "wait", clock.wait)
    assert common.steps_per_second(clock.step, 1.0, torch.device("cpu")) == pytest.approx(1 / per_step)
    assert 1.0 <= clock.now <= longest + 1e-9 and clock.queue == 0
    assert clock.longest_queue <= max(1, 0.5 / per_step)


@pytest.mark.parametrize(("found", "expected"), [(1.004, 1.0), (None, None)])
def test_cores_in_use(benchmark, monkeypatch, found, expected):
    common = benchmark("common")
    monkeypatch.setattr(common, "OtherProcesses", lambda: lambda: found)
    assert common.cores_in_use(seconds=0) == expected


@pytest.mark.parametrize(("fixed", "each"), [(0.02, 1e-4), (8e8, 1e5), (1e-3, 0.5), (3.0, 0.0)])
def test_straight_line_is_recovered(benchmark, fixed, each):
    sizes = [4.0, 16.0, 64.0, 256.0]
    line = benchmark("scaling").straight_line(sizes, [fixed + each * size for size in sizes])
    assert line["fixed"] == pytest.approx(fixed, rel=1e-3)
    assert line["each"] == pytest.approx(each, rel=1e-3, abs=1e-9)
    assert line["worst"] < 1e-9


def test_scaling_varies_one_quantity_at_a_time(benchmark):
    scaling = benchmark("scaling")
    points, base = scaling.points(scaling.AXES), scaling.Point("mlp")
    assert len(points) == len(set(points))
    for point in points:
        assert sum(getattr(point, name) != getattr(base, name) for name in scaling.AXES) <= 1


def test_ratio_is_taken_within_a_round(benchmark):
    startup = benchmark("startup")
    timed = startup.commands("run", "cpu")
    seconds = {command.name: [1.0, 2.0, 1.0] for command in timed}  # twice as slow in the second round
    seconds["wgan --help"] = [2.0, 4.0, 2.0]
    rows = {row["command"]: row for row in startup.summary(timed, seconds)}
    assert rows["wgan --help"]["ours"] == {"beyond": startup.EMPTY, "median": 1.0, "min": 1.0, "max": 2.0}


def test_ratio_and_recovery_next_to_busy_processes(benchmark):
    """At 100 ms per step, after five seconds at 400 ms and with a pause later on."""
    script = benchmark("busy_machine")
    ends = [0.4 * number for number in range(1, 13)] + [4.8 + 0.1 * number for number in range(1, 113)]
    steps = [script.Step(end, 0.4 if end < 4.81 else 0.1) for end in ends]
    steps[60] = steps[60]._replace(seconds=0.9)
    phase = script.compare(script.Load("a load"), steps, {1: 0.1, 2: 0.4}, kept=2)
    assert (phase["best_threads"], phase["ratio_fixed"], phase["ratio"]) == (1, 4.0, pytest.approx(1.0, abs=0.1))
    assert phase["recovery_seconds"] == 6.0
    assert script.recovery(steps, limit=0.5) == 0


def event(name, start, end, parent=None, device="CPU", self_time=None, annotation=False):
    return SimpleNamespace(
        name=name,
        cpu_parent=parent,
        device_type=SimpleNamespace(name=device),
        is_user_annotation=annotation,
        self_cpu_time_total=end - start if self_time is None else self_time,
        time_range=SimpleNamespace(start=start, end=end, elapsed_us=lambda: end - start),
    )


def test_nested_operators_count_once(benchmark):
    anatomy = benchmark("anatomy")
    outer = event("aten::convolution", 0, 100, self_time=10)
    inner = event("aten::_convolution", 10, 100, outer, self_time=30)
    step = event("Optimizer.step#Adam.step", 100, 400, self_time=200)
    events = [outer, inner, event("aten::mkldnn_convolution", 40, 100, inner), step]
    events.append(event("aten::copy_", 200, 300, step))  # a copy inside the optimizer step belongs to it
    optimizer, convolutions = anatomy.group_rows(anatomy.kernels_of(events, steps=2, device="cpu"))
    assert convolutions == {"name": "convolutions forward", "seconds": 50e-6, "calls": 0.5, "share": 0.25}
    assert (optimizer["seconds"], optimizer["calls"], optimizer["share"]) == (150e-6, 0.5, 0.75)


def test_busy_time_merges_overlapping_kernels(benchmark):
    anatomy = benchmark("anatomy")
    events = [
        event("kernel", 0, 100, device="CUDA"),
        event("concurrent", 20, 40, device="CUDA"),
        event("overlapping", 90, 130, device="CUDA"),
        event("later", 200, 250, device="CUDA"),
        event("annotation", 0, 300, device="CUDA", annotation=True),
        event("aten::mm", 0, 1000),
    ]
    assert anatomy.busy_seconds(events, "cuda") == pytest.approx(180e-6)
    assert sum(kernel.seconds for kernel in anatomy.kernels_of(events, 1, "cuda")) == pytest.approx(210e-6)


@pytest.mark.parametrize("batch", [1, 5])
def test_flops_of_double_backward(benchmark, batch):
    wide, narrow, products = 6, 4, benchmark("products")
    critic = nn.Sequential(nn.Flatten(), nn.Linear(wide, narrow), nn.Linear(narrow, 1))
    images = torch.randn(batch, 1, 2, 3)
    first, last = 2 * batch * wide * narrow, 2 * batch * narrow  # one product of each layer

    def penalty():
        benchmark("textbook").gradient_penalty(critic, images, images, torch.device("cpu")).backward()

    assert products.count_flops(lambda: critic(images)) == first + last
    recorded = products.products_of(penalty)
    assert recorded.flops == 3 * (first + last) + first  # double backward: weight gradients, and the signal between
    assert products.count_flops(recorded.run) == recorded.flops


def test_ring_all_reduce_and_fitted_wires(benchmark):
    traffic = benchmark("traffic")
    wires = traffic.Wires(bandwidth=1e9, latency=1e-5)
    assert wires.seconds(3, 1e6, 1) == 0
    assert wires.seconds(3, 1e6, 2) == pytest.approx(3e-5 + 1e-3)
    assert wires.seconds(3, 1e6, 4) == pytest.approx(3e-5 + 1.5e-3)
    times = {str(size): wires.seconds(1, size, 8) for size in (2**12, 2**18, 2**22)}
    found = traffic.fitted_wires(times, 8)
    assert (found.bandwidth, found.latency) == (pytest.approx(1e9), pytest.approx(1e-5))


def test_a_step_sends_each_gradient_once_per_update(benchmark):
    recipe = load_recipe("mnist_mlp", ["amp=off", "engine=eager", "threads=1", "batch_size=2", "sync_batch_norm=false"])
    sizes = {
        role: sum(p.numel() for p in build_network(role, recipe, ImageShape(28, 28, 1, 10)).parameters())
        for role in ("critic", "generator")
    }
    found, updates = benchmark("traffic").count_traffic(recipe), recipe.objective.n_critic
    assert found.bytes == 4 * (updates * sizes["critic"] + sizes["generator"])
    assert found.messages == updates + 1 and found.flops > 0
    assert not torch.distributed.is_initialized()


def test_textbook_settings_do_not_follow_ours(benchmark):
    contestants = benchmark("time_to_quality").CONTESTANTS
    tuned = ("optim.critic.lr=0.5", "objective.n_critic=1", "model.latent_dim=3", "optim.lr_schedule=linear")
    for name, lr, betas in (
        ("textbook MLP, MNIST", 2e-4, (0.5, 0.999)),
        ("textbook DCGAN, CIFAR-10", 1e-4, (0.0, 0.9)),
    ):
        contestant = contestants[name]
        recipe = load_recipe(contestant.recipe, [*tuned, *contestant.settings])
        assert recipe == load_recipe(contestant.recipe, contestant.settings)
        assert {(role.lr, role.betas) for role in (recipe.optim.generator, recipe.optim.critic)} == {(lr, betas)}
        assert (recipe.objective.n_critic, recipe.batch_size, recipe.optim.lr_schedule) == (5, 64, "none")


def test_tutorial_networks_with_our_settings(benchmark):
    script = benchmark("tutorial_settings")
    for tutorial, our_recipe in script.OURS.items():
        theirs, ours = script.contestants(tutorial).values()
        mixed = recipe_from_dict(ours.recipe, tutorial)
        assert mixed.model == recipe_from_dict(theirs.recipe, tutorial).model == load_recipe(tutorial).model
        assert mixed.objective == load_recipe(our_recipe).objective


def test_results_outlive_no_settings(benchmark):
    script, (tutorial, *_) = benchmark("tutorial_settings"), benchmark("tutorial_settings").OURS
    result = {side: {"recipe": each.recipe} for side, each in script.contestants(tutorial).items()}
    assert script.is_current(tutorial, result) and script.is_current(tutorial, {"theirs": {}, "ours": {}})
    other = {"recipe": {**result["ours"]["recipe"], "batch_size": 3}}
    assert not script.is_current(tutorial, {**result, "ours": other})

    case = {"case": "mnist_mlp", **other, "batch_size": 64, "ratios": None, "sides": {}}
    speed = {
        "cases": [case],
        "settings": {"rounds": 1, "device": "cpu"},
        **benchmark("common").facts(torch.device("cpu")),
    }
    assert "mnist_mlp" not in benchmark("pages").train_speed(speed)

    quality = benchmark("time_to_quality")
    known = SimpleNamespace(contestants={"mnist_mlp": other})
    with pytest.raises(WganError, match="mnist_mlp are of other settings"):
        quality.measure("mnist_mlp", quality.CONTESTANTS["mnist_mlp"], SimpleNamespace(device=None, again=False), known)


def test_gpu_table_compares_with_the_textbook_loop_of_the_same_precision(benchmark, tmp_path):
    page = benchmark("gpu_page")
    speed = {"kind": "speed", "recipe": "a", "got": "graph", "format": "bf16", "ms": 2.0, "steps_per_second": 500.0}
    beside = [
        {"kind": "beside", "recipe": "a", "side": f"textbook {kind}", "steps_per_second": rate}
        for kind, rate in (("loader bf16", 50.0), ("resident bf16", 100.0), ("loader off", 1.0))
    ]
    beside += [{"kind": "beside", "recipe": "a", "side": "wgan graph bf16", "steps_per_second": 400.0}]
    smoke = [
        {"kind": "smoke", "recipe": name, "trouble": trouble, "nonfinite": []}
        for name, trouble in (("a", ""), ("b", "waits"))
    ]
    smoke += [
        {"kind": "smoke", "recipe": "c", "failed": "too large"},
        {"kind": "smoke", "recipe": "d", "trouble": "", "nonfinite": ["critic_loss"]},
    ]
    started = [{"kind": "started", "recipe": name} for name in "abcde"]
    lines = [speed, {"kind": "speed", "failed": "no memory"}, *beside, *started, *smoke]
    (tmp_path / "gpu.jsonl").write_text("\n".join(map(json.dumps, lines)))
    found = page.read(tmp_path / "gpu.jsonl")
    assert page.engine_rows(found) == [["a", "graph", "bf16", "2.00", "8.00", "4.00", ""]]
    told = page.captured(found)
    assert told.startswith("1 of 5 ")
    for part in ("`b`: waits", "`c`: too large", "`d`: critic_loss not finite", "`e`: out of time"):
        assert part in told
    assert page.captured({"smoke": smoke[:1]}).startswith("All 1 ")


@pytest.mark.parametrize(
    ("figure", "failed"),
    [
        ({"engine": "graph", "got": "graph", "trouble": "", "nonfinite": []}, False),
        ({"engine": "graph"}, False),
        ({"failed": "no memory"}, True),
        ({"engine": "graph", "got": "eager"}, True),
        ({"trouble": "the graph engine failed"}, True),
        ({"nonfinite": ["critic_loss"]}, True),
    ],
)
def test_gpu_check_counts_fallbacks_as_failures(benchmark, monkeypatch, tmp_path, figure, failed):
    monkeypatch.setenv("OUT", str(tmp_path))
    results = benchmark("gpu_results")
    results.keep("smoke", **figure)
    assert results.failures == ["smoke"] * failed


def test_gpu_check_compares_the_engine_of_a_run_with_its_label(benchmark, monkeypatch, tmp_path, tiny_run):
    monkeypatch.setenv("OUT", str(tmp_path))
    worker, results = benchmark("gpu_worker"), benchmark("gpu_results")
    for label in ("default", "eager", "graph"):
        worker.rate(label, str(tiny_run.path))
    lines = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert [(line["engine"], line["got"]) for line in lines] == [("eager", "eager")] * 2 + [("graph", "eager")]
    assert results.failures == ["train"]


def test_results_of_earlier_networks_are_named(benchmark):
    told, names = benchmark("markdown_text").earlier_networks, ["mnist_mlp", "cifar10_dcgan"]
    assert "cifar10_dcgan" in told({"date": "2026-11-26T23:25:43+00:00"}, names)
    assert told({"date": "2026-11-28T00:00:00+00:00"}, names) == told({"date": "2026-11-26"}, names[:1]) == ""


def test_captions_name_unusual_numbers_of_images(benchmark):
    text = benchmark("markdown_text")
    count = text.STANDARD_COUNTS["fashion_mnist"]
    data = {"source": "fashion_mnist", "split": "train"}
    for changes, training_images, reduced in (({}, 2000, True), ({}, count, False), ({"limit": 9}, 9, False)):
        results = {"a": {"recipe": {"data": {**data, **changes}}, "training_images": training_images}}
        assert ("`a`" in text.reduced_sets(results)) == reduced
    assert text.reduced_sets({"earlier": {}, "pair": {"recipe": {"data": {"a": data}}, "training_images": 3}}) == ""
    few = {"images": 100, "real_images": 20, "seen": True}
    told = text.fewer_real({"a": few, "b": {**few, "real_images": 100}, "earlier": {"images": 100}})
    assert "20 for `a`" in told and "`b`" not in told and "earlier" not in told
    assert "1,000 real images: 1.62" in benchmark("pages")._scores(
        {**few, "fd": 1, "real_baseline": 1.62, "images": 2000, "real_images": 1000}
    )


def test_time_below_the_baseline_is_not_measurable(benchmark):
    pages = benchmark("pages")
    assert pages._beyond({"median": 0.5, "min": 0.25, "max": 1}) == "0.50 (0.25 to 1.00)"
    assert pages._beyond({"median": -0.5, "min": -1, "max": 0.25}) == "not measurable (-1.00 to 0.25)"


def test_unknown_load_is_told(benchmark):
    common, text = benchmark("common"), benchmark("markdown_text")
    result = {**common.facts(torch.device("cpu")), "settings": {"device": "cpu"}}
    for cores, told in (([None, None], True), ([0.0, None], False), ([], False)):
        result["cores_used_by_others"] = cores
        assert ("unknown" in text.where(result)) == ("unknown" in text.where_each({"a": result})) == told


def test_textbook_has_our_tf32_setting_on_a_gpu(benchmark):
    textbook, recipe, seen = benchmark("textbook"), load_recipe("mnist_mlp"), []
    before = torch.backends.cudnn.allow_tf32

    def steps():
        while True:
            seen.append(torch.backends.cudnn.allow_tf32)
            yield

    for tf32 in (False, True):
        textbook.stepper(steps(), recipe.replaced(tf32=tf32), torch.device("cuda"))()
    textbook.stepper(steps(), recipe, torch.device("cpu"))()
    assert seen == [False, True, before] and torch.backends.cudnn.allow_tf32 == before


def test_time_to_quality_of_seeds(benchmark, tmp_path):
    page = benchmark("time_to_quality").page
    facts = {"machine": {"device_name": "a"}, "settings": {"instructions": "AVX2"}, "cores_used_by_others": []}
    results = page.Results(tmp_path / "results.json")

    def keep(instructions, anew=False):
        own = {**facts, "settings": {"instructions": instructions}}
        return page.Keep("x", own, results, [].append, anew, (3, 1))

    for seed, fd in ((2, 1.0), (0, 5.0), (1, 2.0)):
        keep("AVX2")(page.Point(1, seed), 60, 100, {"fd": fd})
    results = page.Results(results.file)
    ((minutes, points),) = page.by_budget(results.contestants["x"])
    assert minutes == 1 and [point["seed"] for point in points] == [0, 1, 2]
    assert page.distance(points) == "2 (1 to 5)" and page.distance(points[:1]) == "5"
    assert page.spent(results.contestants) == ""
    assert page.spent({"x": {"points": [{"minutes": 1, "seconds": 63, "seed": 0}]}}).endswith("x took up to 5% longer.")
    assert not keep("AVX2").complete([0]) and keep("AVX2").points == {(1, 0), (1, 1), (1, 2)}
    with pytest.raises(WganError, match="another processor"):
        keep("AVX512")
    assert not keep("AVX512", anew=True).points
