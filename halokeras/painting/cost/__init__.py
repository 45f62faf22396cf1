"""What a painting will take, told before it begins.

`total` is all of it: painting, by the `estimate` of one tile, the catalogues, by their
`listed_size`, and what is made before.
"""
