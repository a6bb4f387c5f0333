"""The code in docs/export.md does what the page says: its commands and its Python run in their order, as they are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import torch
from torch import nn

PAGE = Path(__file__).parents[1] / "docs" / "export.md"


def test_all_code_of_the_page_runs(wgan, wgan_process, tiny_run, tmp_path):
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "digits_dcgan").symlink_to(tiny_run.path)
    widths = (100, 128, 256, 512, 1024)
    layers = [layer for a, b in zip(widths, widths[1:], strict=False) for layer in (nn.Linear(a, b), nn.LeakyReLU(0.2))]
    torch.save(nn.Sequential(*layers, nn.Linear(1024, 784), nn.Tanh()).state_dict(), "theirs.pth")

    found = re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert [language for language, _ in found] == ["sh", "python", "python", "sh"]
    for language, code in found:
        for line in code.splitlines() if language == "sh" else ():
            program, *words = shlex.split(line)
            assert program == "wgan"
            result = wgan(*words)
            assert result.status == 0, (line, result.stderr)
        if language == "python":
            result = wgan_process(python=("-c", code))
            assert result.status == 0, (code, result.stderr)
    made = {"digits.onnx", "digits.safetensors", "share", "row.png", "theirs.png", "ours.safetensors"}
    assert made <= {path.name for path in tmp_path.iterdir()}


def test_the_page_says_what_the_model_has():
    from wgan_cli.exports.onnx_model import MOST_APART, OPSET, OUTPUTS, PSI, TRIED

    text = PAGE.read_text(encoding="utf-8")
    assert f"opset {OPSET}" in text
    for name in (*OUTPUTS, PSI, "z", "labels", "source"):
        assert f"`{name}`" in text
    assert f"for {TRIED[0]}, {TRIED[1]} and {TRIED[2]} images" in text
    assert f"more than {MOST_APART} " in text
