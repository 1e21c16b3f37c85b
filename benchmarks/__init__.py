"""Benchmarks: measurements of the server, compared with other servers where there are any.

Each package and `gpu`, `recordings`, `soak`, `load.responsiveness`, `tts.kokoro`, `tts.readback`
can be run with `python -m benchmarks.NAME`. The results are in docs/performance.md, those of `soak`
in docs/reliability.md.
"""
