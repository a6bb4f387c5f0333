"""Train next to other processes, and compare the time of a step with that of the best fixed number of threads.

    python benchmarks/busy_machine.py            two minutes on two cores; --quick for one busy loop

Training goes on while busy loops, and then a second `wgan train`, start and end. After each change the number of
threads has `--seconds` to adapt. Then fixed numbers are timed in turns next to the same processes; the one that is the
fastest on an idle machine is what training would have kept.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import common
import torch
from rich.console import Console
from rich.table import Table

from wgan_cli.data import native_shape
from wgan_cli.errors import ExitStatus, WganError
from wgan_cli.recipe import Recipe, load_recipe
from wgan_cli.training.build_state import build_state
from wgan_cli.training.engines.adaptive_threads import AdaptiveThreads
from wgan_cli.training.engines.autotune import available_threads, thread_counts
from wgan_cli.training.state import TrainingState
from wgan_cli.utils.cores import OtherProcesses

ROOT = Path(__file__).parents[1]
ENDLESS = 10**9  # steps
LIMIT = 1.3  # times the best fixed number's time, within ten seconds of a change
SETTLED = 10.0  # seconds after a change
BIN = 2.0  # seconds, the resolution of the recovery; a single pause doesn't count
ROUNDS = 2  # of fixed numbers


class Load(NamedTuple):
    """Other processes: a name, and the arguments of Python in each. Empty for an idle machine."""

    name: str
    processes: Sequence[Sequence[str]] = ()


class Step(NamedTuple):
    """A step of adaptive training: seconds between the change of the load and its end, and its own seconds."""

    end: float
    seconds: float


def recipe_of(name: str) -> Recipe:
    """Return a recipe without end or evaluation."""
    return load_recipe(name, ["epochs=null", f"steps={ENDLESS}", "eval_every=null"])


def loads(busy: Sequence[int], folder: Path) -> list[Load]:
    """Return what runs beside training, one after the other, with idle phases in between."""
    loop, train = ("-c", "while True: pass"), ("-m", "wgan_cli", "train", "--recipe", "digits_dcgan", "--quiet")
    train = (*train, "--steps", str(ENDLESS), "--device", "cpu", "--set", "eval_every=null", "--out", str(folder))
    found = [Load("idle")]
    for count in busy:
        found += [Load(common.count(count, "busy loop"), [loop] * count), Load("idle again")]
    return [*found, Load("a second wgan train", [train])]


@contextmanager
def running(load: Load) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run a load's processes during the block. Raises: WganError if one of them ends before."""
    processes: list[subprocess.Popen[bytes]] = []
    with ExitStack() as stack:
        for words in load.processes:
            processes.append(stack.enter_context(subprocess.Popen([sys.executable, *words], cwd=ROOT)))
            stack.callback(processes[-1].kill)
        yield processes
        if any(process.poll() is not None for process in processes):
            raise WganError(f"{load.name} ended too early", "run it by itself", ExitStatus.FAILED)


def adaptive_steps(state: TrainingState, engine: AdaptiveThreads, seconds: float) -> list[Step]:
    """Train for some seconds."""
    steps, start = [], time.perf_counter()
    while not steps or steps[-1].end < seconds:
        before = time.perf_counter()
        engine(state.step)
        state.step += 1
        now = time.perf_counter()
        steps.append(Step(now - start, now - before))
    return steps


def fixed_times(state: TrainingState, counts: Sequence[int], seconds: float) -> dict[int, float]:
    """Return the seconds of a step by number of threads, the least of the rounds."""
    plain, rates = state.training_step, dict.fromkeys(counts, 0.0)
    for count in common.in_turns(counts, ROUNDS):
        torch.set_num_threads(count)
        plain(state.step)  # the first step prepares kernels
        rate = common.steps_per_second(lambda: plain(state.step), seconds, state.device)
        rates[count] = max(rate, rates[count])
    return {count: 1 / rate for count, rate in rates.items()}


def recovery(steps: Sequence[Step], limit: float) -> float:
    """Return the end of the last BIN of which steps beyond the limit took more than half, 0 if there is none."""
    slow: dict[int, float] = defaultdict(float)
    for step in steps:
        if step.seconds > limit:
            slow[int(step.end / BIN)] += step.seconds
    return BIN * max((number + 1 for number, seconds in slow.items() if seconds > BIN / 2), default=0)


def compare(load: Load, steps: Sequence[Step], fixed: dict[int, float], kept: int) -> dict[str, Any]:
    """Return the figures of one load.

    Args:
        steps: of adaptive training, from the change of the load on.
        fixed: seconds of a step by number of threads.
        kept: the number that training would have without adapting.
    """
    best = min(fixed, key=fixed.__getitem__)
    settled = [step.seconds for step in steps if step.end >= SETTLED] or [steps[-1].seconds]
    return {
        "load": load.name,
        "milliseconds": {str(count): common.four_digits(1000 * seconds) for count, seconds in fixed.items()},
        "best_threads": best,
        "ratio_fixed": common.four_digits(fixed[kept] / fixed[best]),
        "ratio": common.four_digits(statistics.fmean(settled) / fixed[best]),
        "recovery_seconds": recovery(steps, LIMIT * fixed[best]),
    }


def benchmark(
    recipe: Recipe, chosen: Sequence[Load], seconds: float, fixed_seconds: float, console: Console
) -> dict[str, Any]:
    """Train through all loads."""
    device = torch.device("cpu")
    most, others = available_threads(device) or 1, OtherProcesses()
    result = {
        **common.facts(device),
        "settings": {"device": "cpu", "recipe": recipe.name, "batch_size": recipe.batch_size, "seconds": seconds},
        "phases": [],
    }
    state = build_state(recipe, common.made_up_images(native_shape(recipe.data)), device)
    console.print(state.autotune_summary or f"{common.count(most, 'thread')}")
    kept = state.recipe.threads or 1
    engine = AdaptiveThreads(state.engine, kept, kept, others=others, cores=others.cores, log=console.print)
    for load in chosen:
        with running(load):
            others()  # a window begins
            steps = adaptive_steps(state, engine, seconds)
            used = torch.get_num_threads()
            fixed = fixed_times(state, thread_counts(most), fixed_seconds)
            torch.set_num_threads(used)
        result["phases"].append(compare(load, steps, fixed, kept))
    return result


def show(result: dict[str, Any], console: Console) -> None:
    """Print the ratios."""
    table = Table("next to", title=f"{result['settings']['recipe']}: times the best fixed number's step time")
    for heading in ("best threads", "without adapting", "adapting", "seconds to adapt"):
        table.add_column(heading, justify="right")
    for phase in result["phases"]:
        ratios = (f"{phase['ratio_fixed']:.2f}", f"{phase['ratio']:.2f}", f"{phase['recovery_seconds']:g}")
        table.add_row(phase["load"], str(phase["best_threads"]), *ratios)
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="mnist_dcgan", help="on made-up images (default mnist_dcgan)")
    parser.add_argument("--busy", type=int, nargs="+", help="numbers of busy loops (default 1, and one per core)")
    parser.add_argument("--seconds", type=float, default=16.0, help="to adapt to each change (default 16)")
    parser.add_argument("--fixed-seconds", type=float, default=1.0, help="of each fixed number in each round")
    arguments = common.parse(parser, "busy_machine")
    if arguments.device.type != "cpu":
        raise WganError(f"only a CPU has threads, not {arguments.device}", "leave out --device")
    console = common.make_console()
    busy = arguments.busy or sorted({1, OtherProcesses().cores})
    with tempfile.TemporaryDirectory() as folder:
        chosen = loads(busy, Path(folder) / "run")
        chosen = chosen[:3] if arguments.quick else chosen
        result = benchmark(recipe_of(arguments.recipe), chosen, arguments.seconds, arguments.fixed_seconds, console)
    show(result, console)
    common.finish(result, arguments.out, console)


if __name__ == "__main__":
    common.run(main)
