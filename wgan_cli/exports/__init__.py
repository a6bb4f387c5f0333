"""Export of trained generators: ONNX models, and folders with weights, ONNX and a model card."""
