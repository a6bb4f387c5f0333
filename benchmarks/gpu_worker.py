"""Measurements for gpu_check.sh: one process per command, and every figure becomes a line of $OUT/results.jsonl.

    speed RECIPE ENGINE SECONDS PRECISION...   steps/s, host and device time per step, memory, queue; a process for each
    smoke RECIPE                               24 steps under $ENGINE (default graph): captured, or why not
    beside RECIPE SECONDS                      next to the textbook loop, with and without its DataLoader
    profile RECIPE ENGINE PRECISION            kernels, groups, busy share
    probe NAME [RECIPE...]                     capture_fail, double_backward, sampling or threads
    rate NAME RUN [START]                      steps/s from a run's metrics.jsonl, and GPU utilization
    watch                                      GPU utilization five times a second, into smi.csv
    table                                      all figures so far
    facts                                      machine, versions and date

PRECISION: bf16, off (float32) or tf32; bf16+benchmark lets cuDNN choose its kernels by timing them.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path

import common
import textbook
import torch
import yaml
from anatomy import busy_seconds, group_rows, kernel_rows, kernels_of
from gpu_probes import capture_fail, double_backward, sampling, threads
from gpu_results import (
    OUT,
    WORK,
    describe,
    device,
    event_ms,
    failures,
    four,
    has_failed,
    keep,
    synchronize,
    utilization,
)
from torch.profiler import ProfilerActivity, profile

from wgan_cli.data import ImagePair, native_shape
from wgan_cli.recipe import ImageShape, Recipe, load_recipe
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.training.build_state import build_state
from wgan_cli.training.callback import Callback
from wgan_cli.training.divergence import checked_means
from wgan_cli.training.optim import set_learning_rates
from wgan_cli.training.recording.recorder import Recorder
from wgan_cli.training.state import TrainingState

ENGINES = ("eager", "graph", "compile")  # runs are labelled with the one asked for


def random_images(recipe, count: int = 20_000):
    """Return random images of a recipe's shape, two sets for translation."""
    try:
        shape = native_shape(recipe.data)
    except Exception:  # the folder does not exist
        shape = ImageShape(*(getattr(recipe.data, "image_size", None) or (64, 64)), 3, 10)
    if recipe.translates:
        return ImagePair(common.made_up_images(shape, count), common.made_up_images(shape, count))
    return common.made_up_images(shape, count)


def recipe_of(name: str, form: str = "auto", engine: str = "auto", *more: str) -> Recipe:
    """Return a recipe without evaluation or end, with the given precision and engine."""
    form, _, benchmark = form.partition("+")
    torch.backends.cudnn.benchmark = bool(benchmark)
    amp, tf32 = ("off", form == "tf32") if form in ("off", "tf32") else (form, False)
    base = ["eval_every=null", "patience=null", "epochs=null", "steps=1000000", f"amp={amp}", f"engine={engine}"]
    folder = ["data.path=/nowhere"] if name.startswith("folder") and not name.endswith("cyclegan") else []
    return load_recipe(name, [*base, f"tf32={str(tf32).lower()}", *folder, *more])


def state_of(recipe: Recipe, images) -> tuple[TrainingState, float]:
    """Build a run on random images without autotuning; return it with the seconds it took."""
    start = time.perf_counter()
    state = build_state(recipe, images, device(), tune=False)
    synchronize()
    return state, time.perf_counter() - start


def stepper(state: TrainingState, logs: bool = False) -> Callable[[], None]:
    """Return a function that runs one step. logs: also read the loss terms as often as training does."""

    def step() -> None:
        set_learning_rates(state.recipe, state.optimizers, state.step)
        state.engine(state.step)
        state.step += 1
        if logs and state.step % state.recipe.log_every == 0:
            checked_means(state)
            state.training_step.metrics.reset()

    return step


def speeds(name: str, engine: str, seconds: str, *forms: str) -> None:
    """Measure each precision in a process of its own, so that none counts memory that another one left.

    They are forked before the device is used, which saves importing everything again.
    """
    for form in forms:
        process = get_context("fork").Process(target=lambda form=form: in_process(speed, name, engine, seconds, form))
        process.start()
        process.join()
        if process.exitcode:
            failures.append("speed")


def in_process(command: Callable[..., None], *words: str) -> None:
    """Run a command in a process that ends with 1 after failures."""
    command(*words)
    sys.exit(1 if failures else 0)


def speed(name: str, engine: str, seconds: str, form: str) -> None:
    """Measure the steps of a recipe, and what happens between them."""
    on_gpu = device().type == "cuda"
    try:
        recipe = recipe_of(name, form, engine)
        images = random_images(recipe)
        if on_gpu:
            torch.cuda.reset_peak_memory_stats()
        state, prepared = state_of(recipe, images)
        step = stepper(state)
        first = time.perf_counter()
        for _ in range(8):
            step()
        synchronize()
        first = time.perf_counter() - first
        rate = common.steps_per_second(step, float(seconds), device())
        facts = {
            "recipe": name, "engine": engine, "got": state.recipe.engine, "format": form,
            "why": state.autotune_summary, "steps_per_second": four(rate), "ms": four(1000 / rate),
            "prepare_s": four(prepared), "first_8_s": four(first), "batch": recipe.batch_size,
        }  # fmt: skip
        synchronize()
        start = time.perf_counter()
        for _ in range(10):
            step()
        facts["host_ms"] = four(100 * (time.perf_counter() - start))
        synchronize()
        if on_gpu:
            facts["device_ms"] = four(event_ms(step, 30))
            facts["peak_GB"] = four(torch.cuda.max_memory_allocated() / 1e9)
            facts["reserved_GB"] = four(torch.cuda.memory_reserved() / 1e9)
        keep("speed", **facts)
        if on_gpu and state.recipe.engine != "eager":
            most = max(20, min(3000, int(6 * rate)))
            start, count = time.perf_counter(), 0
            while count < most and time.perf_counter() - start < 0.1:
                step()
                count += 1
            asked = time.perf_counter() - start
            synchronize()
            keep("queue", recipe=name, format=form, replays_in_a_tenth=count, of_at_most=most, asked_s=four(asked),
                 drained_s=four(time.perf_counter() - start))  # fmt: skip
        around(name, form, state)
    except Exception as error:
        keep("speed", recipe=name, engine=engine, format=form, failed=describe(error))
        traceback.print_exc()


def around(name: str, form: str, state: TrainingState) -> None:
    """Measure what happens between steps: for how long the loop is held up, and how long until it is written."""
    run = RunDir(WORK / "around" / f"{name}-{form}")
    run.samples.mkdir(parents=True, exist_ok=True)
    run.checkpoints.mkdir(exist_ok=True)
    recorder, facts, step = Recorder(state, run, Callback()), {}, stepper(state)

    def log() -> None:
        means, _ = checked_means(state)
        recorder.log(means, {})
        state.training_step.metrics.reset()

    with closing(recorder):
        recorder.start()
        for what, call in (
            ("check", lambda: checked_means(state)),
            ("log", log),  # with the check
            ("grid", recorder.draw_samples),
            ("checkpoint", recorder.save),
        ):
            times = []
            for _ in range(4):
                step()
                synchronize()
                start = time.perf_counter()
                call()
                held = time.perf_counter() - start
                recorder.writer.wait()
                times.append((1000 * held, 1000 * (time.perf_counter() - start)))
            facts[f"{what}_held_ms"], facts[f"{what}_ms"] = map(four, map(min, zip(*times, strict=True)))
    shutil.rmtree(run.path)
    keep("around", recipe=name, format=form, **facts)


def smoke(name: str) -> None:
    """Check that a recipe's iteration can be captured and that its terms are finite after 24 steps."""
    engine = os.environ.get("ENGINE", "graph")
    keep("started", recipe=name)  # one that runs into its time limit has no other line
    try:
        recipe = recipe_of(name, "auto", engine)
        state, prepared = state_of(recipe, random_images(recipe, 4096))
        step = stepper(state)
        for _ in range(24):
            step()
        means = state.training_step.metrics.read()[0]
        graphs = len(getattr(state.engine, "captured", {}))
        trouble = state.autotune_summary or state.engine.notice
        nonfinite = [term for term, value in means.items() if value != value or abs(value) == float("inf")]
        keep(
            "smoke",
            recipe=name,
            engine=engine,
            got=state.recipe.engine,
            amp=state.recipe.amp,
            graphs=graphs,
            trouble=trouble,
            nonfinite=nonfinite,
        )
    except Exception as error:
        keep("smoke", recipe=name, failed=describe(error))
        traceback.print_exc()


def beside(name: str, seconds: str) -> None:
    """Time wgan and the textbook loop in turns; the textbook also with device-resident images, without a DataLoader."""

    images = None
    sides = {}

    class Resident:
        def __init__(self, images, size: int) -> None:
            self.pixels, self.size = images.images.to(device()), size

        def __iter__(self):
            order = torch.randperm(len(self.pixels), device=device())
            for start in range(0, len(order) - self.size + 1, self.size):
                yield self.pixels[order[start : start + self.size]].float().div_(127.5).sub_(1), None

    for form in ("bf16", "off"):
        try:
            recipe = recipe_of(name, form, "graph" if device().type == "cuda" else "eager")
            images = images or random_images(recipe)
            state, _ = state_of(recipe, images)
            sides[f"wgan {state.recipe.engine} {form}"] = stepper(state, logs=True)
        except Exception as error:
            keep("beside", recipe=name, side=f"wgan {form}", failed=describe(error))
        for label in ("loader", "resident"):
            try:
                plain = recipe_of(name, form, "eager")
                networks = state_of(plain, images)[0].networks
                generator, critic = (textbook.plain_copy(networks[role]) for role in ("generator", "critic"))
                batches = textbook.make_loader(images, plain.batch_size)
                batches = batches if label == "loader" else Resident(images, plain.batch_size)
                steps = textbook.train(generator, critic, batches, plain, device(), form, True)
                sides[f"textbook {label} {form}"] = textbook.stepper(steps, plain, device())
            except Exception as error:
                keep("beside", recipe=name, side=f"textbook {label} {form}", failed=describe(error))
    rates: dict[str, list[float]] = {side: [] for side in sides}
    for turn in range(3):
        for side, call in list(sides.items()):
            try:
                rate = common.steps_per_second(call, float(seconds) / (3 if turn else 2), device())
            except Exception as error:
                keep("beside", recipe=name, side=side, failed=describe(error))
                sides.pop(side)
                continue
            if turn:
                rates[side].append(rate)
    for side, found in rates.items():
        if found:
            keep("beside", recipe=name, side=side, steps_per_second=four(max(found)), same_tf32=True)


def profiled(name: str, engine: str, form: str) -> None:
    """Profile ten steps. CUPTI must be started before the graph is captured, hence the empty first profile."""

    on_gpu = device().type == "cuda"
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * on_gpu
    with profile(activities=activities):
        torch.ones(8, device=device()).sum()
        synchronize()
    recipe = recipe_of(name, form, engine)
    state, _ = state_of(recipe, random_images(recipe))
    step, steps = stepper(state), 10
    for _ in range(12):
        step()
    synchronize()
    start = time.perf_counter()
    for _ in range(steps):
        step()
    synchronize()
    wall = (time.perf_counter() - start) / steps
    with profile(activities=activities) as profiler:
        start = time.perf_counter()
        for _ in range(steps):
            step()
        synchronize()
        beneath = (time.perf_counter() - start) / steps
    events, kind = profiler.events(), device().type
    kernels = kernels_of(events, steps, kind)
    keep(
        "profile", recipe=name, engine=engine, got=state.recipe.engine, format=form, wall_ms=four(1000 * wall),
        wall_ms_while_profiled=four(1000 * beneath), busy_ms=four(1000 * busy_seconds(events, kind) / steps),
        kernels_a_step=four(sum(kernel.calls for kernel in kernels)),
        groups={row["name"]: [four(1000 * row["seconds"]), row["calls"]] for row in group_rows(kernels)},
        kernels=[[row["name"][:200], four(1000 * row["seconds"]), row["calls"]] for row in kernel_rows(kernels, 40)],
    )  # fmt: skip


def rate(label: str, run: str, start: str = "0") -> None:
    """Record steps/s over the second half of a run and the share of time outside of training."""
    file = Path(run) / "metrics.jsonl"
    try:
        records = [json.loads(line) for line in file.read_text().splitlines() if line.endswith("}")]
        last, middle = records[-1], records[len(records) // 2]
        recipe = yaml.safe_load((Path(run) / "recipe.yaml").read_text())
        took = last["seconds"] - middle["seconds"]
        overhead = last["overhead_seconds"] - middle["overhead_seconds"]
        end = file.stat().st_mtime  # of the last record
        keep(
            "train",
            label=label,
            engine=label if label in ENGINES else recipe["engine"],
            got=recipe["engine"],
            amp=recipe["amp"],
            steps=last["step"],
            seconds=last["seconds"],
            whole_command_s=four(time.time() - float(start)) if float(start) else None,
            steps_per_second=four((last["step"] - middle["step"]) / took) if took else None,
            busy_percent=utilization(end - took, end),
            overhead_share=four(overhead / took) if took else None,
            terms={k: four(v) for k, v in last.items() if isinstance(v, float) and k.endswith(("loss", "fd"))},
        )
    except Exception as error:
        keep("train", label=label, failed=describe(error))


def watch() -> None:
    """Write time, utilization, memory, power and clock to smi.csv (NVML, read-only)."""
    import pynvml

    pynvml.nvmlInit()
    handle = pynvml.nvmlDeviceGetHandleByIndex(0)
    with open(OUT / "smi.csv", "a", encoding="utf-8") as file:
        while True:
            use, memory = pynvml.nvmlDeviceGetUtilizationRates(handle), pynvml.nvmlDeviceGetMemoryInfo(handle)
            watts, clock = pynvml.nvmlDeviceGetPowerUsage(handle) / 1000, pynvml.nvmlDeviceGetClockInfo(handle, 1)
            print(f"{time.time():.2f},{use.gpu},{memory.used >> 20},{watts:.0f},{clock}", file=file, flush=True)
            time.sleep(0.2)


def table() -> None:
    """Print all figures in short lines, failures first."""
    lines = [json.loads(line) for line in (OUT / "results.jsonl").read_text().splitlines()]
    lines = [line for line in lines if line["kind"] != "facts"]
    failed = [line for line in lines if has_failed(line)]
    print(f"-- {len(lines)} figures, {len(failed)} of them failures or fallbacks")
    for line in failed:
        print("FAILED", json.dumps(line)[:400])
    for line in lines:
        if line in failed:
            continue
        kind = line.pop("kind")
        line.pop("kernels", None)
        line.pop("terms", None)
        print(kind, " ".join(f"{k}={v}" for k, v in line.items() if v not in ("", None, [], {}))[:330])


PROBES = {"capture_fail": capture_fail, "double_backward": double_backward, "sampling": sampling, "threads": threads}
COMMANDS = {
    "speed": speeds,
    "smoke": smoke,
    "beside": beside,
    "profile": profiled,
    "rate": rate,
    "watch": watch,
    "table": table,
    "facts": lambda: keep("facts", **common.facts(device()), settings={"device": str(device())}),
    "probe": lambda name, *rest: PROBES[name](*rest),
}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    try:
        COMMANDS[sys.argv[1]](*sys.argv[2:])
    except Exception as error:
        keep(sys.argv[1], arguments=sys.argv[2:], failed=describe(error))
        traceback.print_exc()
    sys.exit(1 if failures else 0)
