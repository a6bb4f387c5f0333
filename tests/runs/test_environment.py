"""environment.json, and the choice of a device."""

from __future__ import annotations

import json

import pytest
import torch

from wgan_cli.errors import WganError
from wgan_cli.runs.environment import resolve_device, versions


def test_environment_file(tiny_run):
    environment = json.loads(tiny_run.environment_file.read_text(encoding="utf-8"))
    assert {"versions", "threads", "instructions", "device_name"} == set(environment["may_differ_with"])
    for name in environment["may_differ_with"]:
        assert environment[name], name
    assert {"torch", "numpy", "python", "wgan"} <= set(environment["versions"])


def test_package_metadata_is_read_once(monkeypatch):
    first = versions()
    monkeypatch.setattr("importlib.metadata.version", lambda name: pytest.fail("read again"))
    assert versions() == first
    versions().clear()
    assert versions() == first


@pytest.mark.parametrize(("cuda", "said"), [(None, "is a CPU build"), ("12.8", "nvidia-smi")])
def test_missing_gpu(monkeypatch, cuda, said):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    with pytest.raises(WganError, match="device 'cuda' is not available") as caught:
        resolve_device("cuda")
    assert said in caught.value.hint


def test_unknown_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(WganError) as caught:
        resolve_device("cuda:7")
    assert (
        caught.value.hint.startswith("choose one of: auto, cpu, cuda:0, cuda:1") and "nvidia" not in caught.value.hint
    )
