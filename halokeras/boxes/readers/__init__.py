"""Simulation products as they lie on disk, one module per source, to a `Source`."""
