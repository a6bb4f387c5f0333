"""Measure and predict the cost of several processes.

    python benchmarks/distributed.py            a few minutes on an idle machine
    python benchmarks/distributed.py --page     only write the tables of docs/scaling.md

Time one step of a recipe with 1, 2 and 4 single-threaded processes that share its batch. The prediction adds the time
of the shards with all-reduces that return immediately to the time of as many bytes of all-reduces between processes
that multiply matrices. Traffic is counted as it is sent, arithmetic by torch's operator counter, over one iteration.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import common
import distributed_page
import torch
from traffic import Traffic, count_traffic, made_up_images, pretended

from wgan_cli.distributed import process_group
from wgan_cli.errors import WganError
from wgan_cli.recipe import Recipe, load_recipe
from wgan_cli.training.build_state import build_state
from wgan_cli.training.optim import set_learning_rates

TIMED = ("digits_dcgan", "cifar10_dcgan")
COUNTED = (*TIMED, "mnist_mlp", "mnist_dcgan", "mnist_style", "mnist_cyclegan", "cifar10_resnet")
PROCESSES = (1, 2, 4)
MANY = PROCESSES[1:]
SIZES = (2**12, 2**18, 2**22)  # bytes of an all-reduce
ROUNDS = 2
SECONDS = 2.0  # of steps, in a turn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", action="store_true", help="write docs/scaling.md from the results, and stop")
    parser.add_argument("--worker", help=argparse.SUPPRESS)  # one of the processes, and what it is to time
    arguments = common.parse(parser, "distributed")
    if arguments.device.type != "cpu":
        raise WganError(f"this times processes on a CPU, not on {arguments.device}", "leave out --device")
    if arguments.worker:
        worker(json.loads(arguments.worker))
        return
    if not arguments.page:
        measure(arguments)
    if arguments.quick:  # no figures for a page
        return
    distributed_page.write(json.loads(arguments.out.read_text(encoding="utf-8")))


def measure(arguments: argparse.Namespace) -> None:
    """Time and count everything, and write the result."""
    console, rounds = common.make_console(), 1 if arguments.quick else ROUNDS
    result: dict[str, Any] = {**common.facts(arguments.device), "settings": {"rounds": rounds, "threads": 1}}
    result["all_reduce"] = {str(count): _least(count, {"sizes": SIZES}, rounds) for count in MANY}
    result["steps"] = {}
    for name in TIMED:
        batch = load_recipe(name).batch_size
        together = {str(n): _least(n, {"recipe": name, "batch": batch}, rounds)["step"] for n in PROCESSES}
        apart = {str(n): _least(n, {"recipe": name, "batch": batch, "of": n}, rounds)["step"] for n in MANY}
        result["steps"][name] = {
            "batch": batch, "together": together, "apart": apart, "averaging_alone": averaging_alone(name)
        }  # fmt: skip
        console.print(f"{name}, seconds a step: {together} in processes together, {apart} for shares of a batch apart")
    result["traffic"] = {name: _counted(name).as_dict() for name in COUNTED}
    common.finish(result, arguments.out, console)


def _counted(name: str) -> Traffic:
    return count_traffic(load_recipe(name, ["amp=off", "engine=eager", "threads=1"]))


def _least(processes: int, work: dict[str, Any], rounds: int) -> dict[str, float]:
    every = [_side_by_side(processes, work) for _ in range(rounds)]
    return {key: common.four_digits(min(each[key] for each in every)) for key in every[0]}


def _side_by_side(processes: int, work: dict[str, Any]) -> dict[str, float]:
    """Return the timings of the first of several processes, which run one recipe together or separately."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    base = {**os.environ, "OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    command = [sys.executable, __file__, "--worker", json.dumps(work)]
    started = [
        subprocess.Popen(
            command,
            env={**base, "WORLD_SIZE": str(1 if "of" in work else processes), "RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(processes)
    ]
    said = [process.communicate()[0] for process in started]
    return json.loads(said[0].splitlines()[-1])


def worker(work: dict[str, Any]) -> None:
    """Run as one of the processes; the first prints its timings."""
    torch.set_num_threads(1)
    if int(os.environ["WORLD_SIZE"]) > 1:
        process_group.init(lambda error: sys.exit(error.message))
    if "sizes" in work:
        found = _all_reduces(work["sizes"])
    else:
        with pretended(work["of"]) if "of" in work else nullcontext():
            found = {"step": _step(work["recipe"], work["batch"])}
    if process_group.is_main_process():
        print(json.dumps(found), flush=True)
    process_group.destroy()


def _step(name: str, batch: int) -> float:
    recipe = load_recipe(name, ["amp=off", "engine=eager", "threads=1", f"batch_size={batch}", "steps=100000"])
    state = _state(recipe)

    def seconds(steps: int) -> list[float]:
        taken = []
        for _ in range(steps):
            start = time.perf_counter()
            set_learning_rates(recipe, state.optimizers, state.step)
            state.engine(state.step)
            state.step += 1
            taken.append(time.perf_counter() - start)
        return taken

    seconds(3)
    (steps,) = process_group.all_reduce_max("how many steps", round(SECONDS / statistics.median(seconds(5))))
    return statistics.median(seconds(steps))


def _state(recipe: Recipe) -> Any:
    return build_state(recipe, made_up_images(recipe), torch.device("cpu"), tune=False)


def _all_reduces(sizes: tuple[int, ...]) -> dict[str, float]:
    """Return the seconds that an all-reduce adds to concurrent work, by its size in bytes."""
    factor = torch.rand(400, 400)

    def each(tensor: torch.Tensor | None) -> float:
        taken = []
        for _ in range(80):
            start = time.perf_counter()
            torch.mm(factor, factor)
            if tensor is not None:
                torch.distributed.all_reduce(tensor)
            taken.append(time.perf_counter() - start)
        return statistics.mean(taken[10:])

    each(torch.zeros(1))
    work = each(None)
    return {str(size): max(1e-6, each(torch.zeros(size // 4)) - work) for size in sizes}


def averaging_alone(name: str) -> float:
    """Return the seconds that one process spends per iteration in the code that averages gradients."""
    from wgan_cli.distributed.collectives import all_reduce_gradients

    state = _state(load_recipe(name, ["amp=off", "engine=eager", "threads=1"]))
    state.engine(0)
    start, times = time.perf_counter(), 1000
    for _ in range(times):
        for phase in state.objective.phases:
            for _ in range(phase.repeats):
                all_reduce_gradients(state.networks[phase.trains], phase.trains)
    return (time.perf_counter() - start) / times


if __name__ == "__main__":
    if Path(__file__).parent not in map(Path, sys.path):
        sys.path.insert(0, str(Path(__file__).parent))
    common.run(main)
