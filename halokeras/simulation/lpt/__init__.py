"""2LPT: from initial modes, of a seed or of a file, to the density of a box of any size.

`lpt` has the modes and both orders of the displacements whole in memory, and `streamed` a few
planes at a time, by `planes` and `deposit`. A density is asked for as a `box`; `recipe` tells what
it is made of, `density` makes it, `density_file` writes it. `initial_modes` reads modes that are
not ours, which `modes_check` compares with the box.
"""
