"""The initial modes of a density, wherever they are known: halos are placed by their matter.

`known` tells whether they are, and whether another density is of the same; `matter` makes what they
are below the voxels, or opens what is given of it.
"""
