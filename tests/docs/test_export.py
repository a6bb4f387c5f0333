"""What docs/export.md says of an exported model is what the program does."""

from __future__ import annotations

from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "export.md"


def test_the_page_says_what_the_model_has():
    pytest.importorskip("onnx")
    from wgan_cli.exports.onnx_model import MOST_APART, OPSET, OUTPUTS, PSI, TRIED

    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert f"opset {OPSET}" in text
    for name in (*OUTPUTS, PSI, "z", "labels", "source"):
        assert f"`{name}`" in text
    assert f"for {TRIED[0]}, {TRIED[1]} and {TRIED[2]} images" in text
    assert f"more than {MOST_APART} " in text
