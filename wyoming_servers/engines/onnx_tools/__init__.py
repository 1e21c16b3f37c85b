"""Reads, writes and converts model files: ONNX graphs, and TensorFlow Lite graphs to ONNX.

`engines.piper` splits voices and `engines.wake` converts classifiers and builds its feature graph
with these modules, when a model is installed; a worker opens the resulting files.
"""
