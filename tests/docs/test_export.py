"""docs/export.md agrees with the exported ONNX model."""

from __future__ import annotations

from pathlib import Path

import pytest


def test_page_describes_the_model():
    pytest.importorskip("onnx")
    from wgan_cli.exports.onnx_model import BATCH_SIZES, OPSET, OUTPUTS, PSI, TOLERANCE

    page = Path(__file__).parents[2] / "docs" / "export.md"
    text = " ".join(page.read_text(encoding="utf-8").split())
    names = [f"`{name}`" for name in (*OUTPUTS, PSI, "z", "labels", "source")]
    batches = "for {}, {} and {} images".format(*BATCH_SIZES)
    for phrase in (f"opset {OPSET}", batches, f"more than {TOLERANCE} ", *names):
        assert phrase in text
