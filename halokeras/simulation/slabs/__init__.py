"""2LPT densities slab by slab: where memory is short, or by the workers of a Dask cluster.

`plan` cuts a box and says what that takes, `steps` are the tasks that make slabs of files on disk,
`runners` have them done, and `out_of_core` takes a box through all of it. The arithmetic is that of
`halokeras.simulation.lpt`.
"""
