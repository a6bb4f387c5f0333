"""Compare two runs, for tests of everything that must not change one."""

from __future__ import annotations

from pathlib import Path

import torch

from wgan_cli.runs.metrics_log import read_metrics
from wgan_cli.runs.run_dir import RunDir

TIMES = ("seconds", "images_per_second", "overhead", "overhead_seconds")


def untimed(value):
    """Return a checkpoint's content without durations."""
    if isinstance(value, dict):
        return {key: untimed(inner) for key, inner in value.items() if key not in TIMES}
    return value


def assert_same(a, b, place: str = "") -> None:
    """Assert deep equality, tensors bit for bit."""
    assert type(a) is type(b), place
    if isinstance(a, torch.Tensor):
        assert a.dtype == b.dtype, place
        assert torch.equal(a, b), place
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), place
        for key in a:
            assert_same(a[key], b[key], f"{place}.{key}")
    elif isinstance(a, list | tuple):
        assert len(a) == len(b), place
        for index, (one, other) in enumerate(zip(a, b, strict=True)):
            assert_same(one, other, f"{place}[{index}]")
    else:
        assert a == b, place


def assert_same_run(one: RunDir, other: RunDir) -> None:
    """Assert equal checkpoints, generators, records, grids and TensorBoard entries, apart from durations."""
    contents = [torch.load(run.checkpoint_files()[-1], weights_only=True) for run in (one, other)]
    assert_same(*map(untimed, contents))
    assert one.generator_file.read_bytes() == other.generator_file.read_bytes()
    best = [run.best_file.read_bytes() if run.best_file.exists() else None for run in (one, other)]
    assert best[0] == best[1]
    records = [[untimed(record) for record in read_metrics(run.metrics_file)] for run in (one, other)]
    assert records[0] == records[1]
    grids = [{file.name: file.read_bytes() for file in run.samples.iterdir()} for run in (one, other)]
    assert grids[0] == grids[1]
    shown = [events(run.tensorboard) for run in (one, other)]
    assert shown[0] == shown[1]


def events(folder: Path) -> list[tuple[int, str, object]]:
    """Step, tag and value of each entry as TensorBoard shows them, without purged ones; times have no value."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0}).Reload()
    tags = log.Tags()
    found = [(e.step, tag, None if tag in TIMES else e.value) for tag in tags["scalars"] for e in log.Scalars(tag)]
    found += [(e.step, tag, e.encoded_image_string) for tag in tags["images"] for e in log.Images(tag)]
    return sorted(found, key=lambda entry: entry[:2])
