"""2LPT, N-body and halo finding: from a seed to a box.

`simulate` runs a simulation in memory; `files` makes densities and boxes as files, and `suites`
many of them. Below these lie `fine_matter`, `slabs`, `nbody`, `halo_finding` and `lpt`, each a
job of its own, and `threads`, which all may use.
"""
