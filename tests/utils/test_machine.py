"""Limits of the container and free memory, read from files like Linux's."""

from __future__ import annotations

import pytest
import torch

from wgan_cli.utils import machine
from wgan_cli.utils.machine import free_memory

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def cgroup(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "cores"),
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
def test_cpu_quota(cgroup, text, cores):
    if text is not None:
        (cgroup / "cpu.max").write_bytes(text.encode("latin-1"))
    assert machine.cpu_quota() == cores


def test_free_memory_is_plausible():
    assert 10**6 < free_memory(CPU) < 10**14


def test_container_limits_free_memory(cgroup):
    (cgroup / "memory.stat").write_text("anon 300000\nfile 7000000\n")
    for limit, free in (("1000000", 700_000), ("200000", 0)):
        (cgroup / "memory.max").write_text(f"{limit}\n")
        assert free_memory(CPU) == free


def test_memory_without_container_limit(cgroup, tmp_path, monkeypatch):
    (cgroup / "memory.max").write_text("max\n")
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    5 kB\n")
    monkeypatch.setattr(machine, "MEMINFO", tmp_path / "meminfo")
    assert free_memory(CPU) == 5120
    monkeypatch.setattr(machine, "MEMINFO", tmp_path / "none")
    assert free_memory(CPU) > 5120  # half of the installed memory


def test_memory_that_torch_caches_on_a_gpu_is_free(monkeypatch):
    amounts = {"mem_get_info": (700, 1000), "memory_reserved": 200, "memory_allocated": 150}
    for name, amount in amounts.items():
        monkeypatch.setattr(torch.cuda, name, lambda device, amount=amount: amount)
    assert free_memory(torch.device("cuda")) == 750


def test_cpu_name(tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text("vendor_id : A\nmodel name\t: Fast 9000\nflags : avx2\n")
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    assert machine.cpu_name() == "Fast 9000"
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "none")
    assert machine.cpu_info() == ""
    assert machine.cpu_name()


@pytest.fixture
def processor(monkeypatch, tmp_path):
    """A fake /proc/stat of four cores, of which this process may use the second and third; a setter of its times."""
    now = [0.0, 0.0]

    def pass_time(seconds: float, own: float, *cores: tuple[int, int, int]) -> None:
        now[:] = seconds, own
        lines = [f"cpu{n} {user} 0 {system} {idle} 1 2 3 4 0 0" for n, (user, system, idle) in enumerate(cores)]
        (tmp_path / "stat").write_text("\n".join(["cpu  1 2 3 4 5 6 7 8 9 9", *lines, "intr 9 9", "cpu1 9 9"]) + "\n")

    monkeypatch.setattr(machine, "CPU_TIMES", tmp_path / "stat")
    monkeypatch.setattr(machine, "usable_cores", lambda: frozenset({1, 2}))
    monkeypatch.setattr(machine.os, "sysconf", lambda name: 100)
    monkeypatch.setattr(machine.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(machine.time, "process_time", lambda: now[1])
    return pass_time


def test_cores_that_other_processes_use(processor):
    processor(10, 1, (500, 0, 0), (100, 10, 500), (100, 0, 500), (700, 0, 0))
    others = machine.OtherProcesses()
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
    others = machine.OtherProcesses()
    assert others.cores == 1
    (cgroup / "cpu.stat").write_text("usage_usec 7000000\nuser_usec 1\n")
    processor(12, 2)
    assert others() == pytest.approx(0.5)


def test_use_of_cores_that_is_unknown(processor, tmp_path):
    assert machine.OtherProcesses()() is None
    processor(10, 1, *[(100, 0, 0)] * 4)
    others = machine.OtherProcesses()
    processor(12, 3, *[(100, 0, 0)] * 4)  # nothing is counted, and this process used two seconds
    assert others() is None
    (tmp_path / "stat").write_text("cpu1 many\n")
    assert others() is None


def test_use_of_cores_on_this_machine():
    others = machine.OtherProcesses()
    for _ in range(100_000):
        pass
    found = others()
    assert found is None or 0 <= found <= others.cores
