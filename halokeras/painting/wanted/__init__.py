"""What a request wants, and what there is of it: its density and the files that are written.

`density` opens it and refuses what cannot be painted on it, `seeded_density` makes that of a seed,
and `outputs` tells which files are written and what of them is there already.
"""
