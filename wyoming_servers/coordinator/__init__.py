"""Decides which model may hold memory, and gives out leases on ready ones.

Pipelines and the HTTP edge use `face`; `coordinator.Coordinator` is it. Inside, one part thinks and
another acts:

- `planner.Planner.handle(signal, now)` turns what happened (`signals`) into what is to be done
  (`actions`). It reads no clock and waits for nothing. What it knows is on the `board`; `desk`,
  `commands`, `news` and `deadlines` take the four sorts of signals, `lifecycle` and `aftermath`
  move instances through the table of `states`, and `scheduler` says who is next and where, with
  `survey` and `placing` to choose the place and `eviction` to choose the victims.
- `runtime` carries actions out and tells the planner what came of them; `minder` looks after one
  worker process.

To add a state or a move, change the table in `states`. A new reason to load something is a `Want`
in `load_queue`, a new reason not to is a `Bar` in `recovery` or `survey`, a new number belongs to
`policy`, and a new event to the package's `events`.
"""
