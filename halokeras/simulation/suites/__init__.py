"""Suites: many simulations of one plan in one folder.

`params` reads what a suite is to hold, `planned` lays it out in its folder, and `make` makes what
is missing, by any number of processes.
"""
