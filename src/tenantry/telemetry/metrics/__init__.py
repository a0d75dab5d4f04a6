"""Figures of this deployment for Prometheus: counted in each process, answered for all of them.

`table` has every metric. Packages count by it, at no cost before `kinds.begin` switches counting
on. `files` keeps the figures of each process where the others find them, also once it has died;
`listener` answers `/metrics` on its own address, as `exposition` spells it. Why so:
docs/decisions/0033-metrics.md.
"""
