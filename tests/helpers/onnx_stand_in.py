"""A stand-in for ONNX files, whose conversion and verification take seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from wgan_cli.runs.checkpoint import Checkpoint


@pytest.fixture
def quick_onnx(monkeypatch) -> None:
    """Write any bytes in place of an ONNX model."""
    from wgan_cli.exports import model_folder, onnx_model

    def export_onnx(checkpoint: Checkpoint, path: Path, to: str = "b") -> onnx_model.OnnxFacts:
        path.write_bytes(b"no model")
        return onnx_model.OnnxFacts({}, 0.0)

    for module in (model_folder, onnx_model):
        monkeypatch.setattr(module, "export_onnx", export_onnx)
