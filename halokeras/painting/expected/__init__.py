"""The halos that are expected in each voxel, painted tile by tile into files.

`tile_painter` paints a tile and `paint` a box of them, or has the workers of a `cluster` do so.
`partial` is the file until it is whole, and `written_rows` what workers write of it themselves.
"""
