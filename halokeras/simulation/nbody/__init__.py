"""N-body: particles moved by their own gravity from a 2LPT start.

`engine` steps them and yields snapshots, `particle_mesh` is the force, with the compiled loops of
`mesh_kernels`, and `checkpoint` keeps the state by which a run goes on after a kill.
"""
