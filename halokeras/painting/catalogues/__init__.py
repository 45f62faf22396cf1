"""Catalogues of drawn halos: where in their voxels they lie, how they move and what they weigh.

`halos` lists them `piece` by piece, each with the `places` and `masses` that its draw gives it, and
`formats` writes them.
"""
