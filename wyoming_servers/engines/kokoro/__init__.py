"""Text to speech with Kokoro-82M, all of whose voices share one network.

`engine` implements `engines.base.Engine` for the worker twice: with torch for GPUs, with ONNX for
CPUs. `synthesizer` has the requests and voices, and `phonemes` converts text to Kokoro's symbols.
"""
