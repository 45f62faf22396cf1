"""Densities and boxes of our own making as files: found as they were made before, or made.

`densities` for 2LPT alone, `boxes` for simulations. `found_boxes` tells what there is already, and
`claims` keep two processes from the same run.
"""
