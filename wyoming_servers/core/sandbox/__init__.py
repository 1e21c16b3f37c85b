"""Takes away from a child process what it does not need: network, files, other processes.

Models, recordings and the libraries that read them come from strangers. A child that runs them
describes what it needs as a `policy.SandboxPolicy` and calls `confine.confine` before it reads the
first byte of them; from then on the kernel refuses the rest, to all code in that process. Used by
the worker (`worker.sandbox` has its policy), by `media` for decoders and encoders, and by
`engines.preparation`.

`seccomp` filters system calls, `landlock` filters paths. Neither needs root. A kernel without them
only loses that part: nothing fails to start, and `confine.kernel_support` says what is missing.
"""
