"""Whole halos drawn where a painter tells how many to expect, many realisations of one density.

`counts` draws the number of each voxel, by the `noise` of its neighbours, and `sharing` shares it
out to bins of mass.
"""
