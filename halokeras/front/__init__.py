"""What `import halokeras` offers: each step on plain arrays, or on a box.

A `model` is a saved painter, the path of its folder, or the name of one that ships: ``gen``,
``any`` or ``paper``.
Densities are real numbers of any type and memory order; what differs from a painter's training but
does not keep it from painting, and particles whose lattice shows in a density, are Python warnings.
"""
