"""Schedules models: decides which model may hold memory, and grants leases on loaded ones.

Pipelines, jobs and both edges use `interface.CoordinatorProtocol`; `coordinator.Coordinator`
implements it. Inside, one part decides and another one acts:

- `planner` is a pure state machine: it turns messages (what has happened) into actions (what is to
  be done), without I/O.
- `runtime` carries the actions out and reports the outcome back as messages. `worker_supervisor`
  owns one worker process, `lease` is what a client works with, `footprint_store` keeps measured
  memory sizes on disk.
- `status` has the public, immutable view of everything.

To add a state or a transition, change the table in `planner.instance`. A new reason to load a model
is a `LoadReason` in `planner.load_queue`, a new reason not to load one is a `BlockReason` in
`planner.failure_policy`, a new limit or interval belongs to `planner.policy`, and a new event to
`core.events`.
"""
