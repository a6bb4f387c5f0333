"""The packages of an ONNX export."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def onnx_packages() -> None:
    """Skip where a package is missing; nothing is imported to collect the tests."""
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)
