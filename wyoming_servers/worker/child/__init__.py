"""The child's side of a worker: only the child process imports this package, and the engines.

`__main__` owns the process, the pipe and the engine thread, and `executor` the runs. `run_queue`
decides which run advances; for voices, `playout_queue` does.
"""
