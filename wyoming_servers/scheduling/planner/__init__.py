"""Decides which model is loaded where, as a pure state machine without I/O.

`planner.Planner.handle(message, now)` turns a message (`messages`: requests, commands, worker
reports, memory readings, time) into actions (`actions`) that `scheduling.runtime` carries out.

- `state` holds everything the planner knows: models, instances, leases and timers. `instance` has
  the states of an instance and their transitions, `ledger` the memory of one device, `load_queue`
  the pending loads and `failure_policy` the failures.
- `handlers` has one method per message. It uses `lifecycle`, which moves instances through their
  states, and `scheduler`, which goes through the pending loads; `placement` chooses the device and
  the models to evict.
- `snapshot` converts the state to `scheduling.status`; `policy` has all limits and intervals.

Nothing here reads a clock, waits, logs or imports a module that does.
"""
