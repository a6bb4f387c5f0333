"""Cores of the container and of other processes, read from files like Linux's."""

from __future__ import annotations

import pytest
import torch

from wgan_cli.utils import cores


@pytest.fixture(autouse=True)
def cgroup(monkeypatch, tmp_path):
    monkeypatch.setattr(cores, "CGROUP", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "quota"),
    [
        ("max 100000\n", None),
        ("200000 100000\n", 2),
        ("250000 100000\n", 2),
        ("50000 100000\n", 1),
        ("100000\n", None),
        ("many 100000\n", None),
        ("100000 0\n", None),
        ("\x80\x81 1\n", None),
        (None, None),
    ],
)
def test_cpu_quota(cgroup, text, quota):
    if text is not None:
        (cgroup / "cpu.max").write_bytes(text.encode("latin-1"))
    assert cores.cpu_quota() == quota


@pytest.fixture
def processor(monkeypatch, tmp_path):
    """A fake /proc/stat of four cores, of which this process may use the second and third; a setter of its times."""
    now = [0.0, 0.0]

    def pass_time(seconds: float, own: float, *times: tuple[int, int, int]) -> None:
        now[:] = seconds, own
        lines = [f"cpu{n} {user} 0 {system} {idle} 1 2 3 4 0 0" for n, (user, system, idle) in enumerate(times)]
        (tmp_path / "stat").write_text("\n".join(["cpu  1 2 3 4 5 6 7 8 9 9", *lines, "intr 9 9", "cpu1 9 9"]) + "\n")

    monkeypatch.setattr(cores, "CPU_TIMES", tmp_path / "stat")
    monkeypatch.setattr(cores, "usable_cores", lambda: frozenset({1, 2}))
    monkeypatch.setattr(cores.os, "sysconf", lambda name: 100)
    monkeypatch.setattr(cores.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(cores.time, "process_time", lambda: now[1])
    return pass_time


def test_cores_that_other_processes_use(processor):
    processor(10, 1, (500, 0, 0), (100, 10, 500), (100, 0, 500), (700, 0, 0))
    others = cores.OtherProcesses()
    assert others.cores == 2
    processor(12, 3, (900, 0, 0), (250, 60, 500), (200, 0, 600), (900, 0, 0))  # 2 s and 1 s in 2 s, 2 of them ours
    assert others() == pytest.approx(0.5)
    processor(14, 5, (900, 0, 0), (450, 60, 500), (200, 0, 800), (900, 0, 0))
    assert others() == 0
    processor(14.01, 5, (900, 0, 0), (453, 60, 500), (201, 0, 800), (900, 0, 0))  # ticks of a longer time than 10 ms
    assert others() == 2


def test_cores_that_other_processes_of_a_container_use(processor, cgroup):
    """It may use one core of the two that the processor has for it."""
    (cgroup / "cpu.max").write_text("100000 100000\n")
    (cgroup / "cpu.stat").write_text("usage_usec 5000000\nuser_usec 1\n")
    processor(10, 1)
    others = cores.OtherProcesses()
    assert others.cores == 1
    (cgroup / "cpu.stat").write_text("usage_usec 7000000\nuser_usec 1\n")
    processor(12, 2)
    assert others() == pytest.approx(0.5)


def test_use_of_cores_that_is_unknown(processor, tmp_path):
    assert cores.OtherProcesses()() is None
    processor(10, 1, *[(100, 0, 0)] * 4)
    others = cores.OtherProcesses()
    processor(12, 3, *[(100, 0, 0)] * 4)  # nothing is counted, and this process used two seconds
    assert others() is None
    (tmp_path / "stat").write_text("cpu1 many\n")
    assert others() is None


def test_use_of_cores_on_this_machine():
    others = cores.OtherProcesses()
    for _ in range(100_000):
        pass
    found = others()
    assert found is None or 0 <= found <= others.cores


@pytest.mark.parametrize(
    ("busy", "set_by_user", "expected"), [(20, False, 2), (50, False, 1), (200, False, 1), (200, True, 2)]
)
def test_threads_leave_the_cores_of_other_processes(processor, monkeypatch, busy, set_by_user, expected):
    """Within a second, other processes use `busy` hundredths of two cores."""
    threads = [2]
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads[0])
    monkeypatch.setattr(torch, "set_num_threads", lambda count: threads.__setitem__(0, count))
    if set_by_user:
        monkeypatch.setenv("OMP_NUM_THREADS", "2")
    else:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    cores.others_since_start.cache_clear()
    processor(10, 1, *[(100, 0, 0)] * 4)
    cores.others_since_start()
    processor(11, 1.5, *[(900, 0, 0), (150, 0, 0), (100 + busy, 0, 0), (900, 0, 0)])  # half a second is ours
    cores.leave_busy_cores()
    assert threads == [expected]
    cores.others_since_start.cache_clear()
