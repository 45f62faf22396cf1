"""Cosmologies, growth, power spectra and halo mass functions."""
