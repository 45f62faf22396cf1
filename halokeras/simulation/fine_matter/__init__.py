"""The 2LPT matter of a box below its voxels: where in them painted halos lie, and how they move.

`fields` makes a finer density and the velocities of halos in memory; `by_slabs` gives the same slab
by slab, which `sweep` makes of the rows of `plane_rows`. `halo_motion` has the law by which halos
move, `infall` and `far_infall` the velocity that they fall together with.
"""
