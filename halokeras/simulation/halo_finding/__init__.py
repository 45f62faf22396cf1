"""Halos of simulated particles.

`finder` makes them of the groups of `friends_of_friends` and the masses of
`spherical_overdensity`; both find particles near a place by their `rows`.
"""
