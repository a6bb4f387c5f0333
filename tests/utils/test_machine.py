"""Free memory and the processor's name, read from files like Linux's."""

from __future__ import annotations

import pytest
import torch

from wgan_cli.utils import cores, machine
from wgan_cli.utils.machine import free_memory

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def cgroup(monkeypatch, tmp_path):
    monkeypatch.setattr(cores, "CGROUP", tmp_path)
    return tmp_path


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
