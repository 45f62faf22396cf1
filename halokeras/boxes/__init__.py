"""The Box, a density and its halos on one periodic grid, and its file."""
