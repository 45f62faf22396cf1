"""Galaxies in halos: a halo occupation drawn, placed and listed."""
