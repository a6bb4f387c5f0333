"""Trained generators in forms that other programs read: ONNX, safetensors, and a folder with both."""
