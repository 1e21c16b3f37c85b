"""The child's side of a worker: only the child process imports this package, and the engines.

`__main__` owns the process, the pipe and the engine thread, `executor` the runs, and `run_queue`
decides which run advances.
"""
