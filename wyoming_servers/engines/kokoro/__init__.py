"""Text to speech with Kokoro-82M, all of whose voices share one network.

`engine_torch` (for GPUs) and `engine_onnx` (for CPUs) implement `engines.base.Engine` for the
worker. They differ in the network; `synthesizer` has the requests and voices, and `phonemes`
converts text to Kokoro's symbols.
"""
