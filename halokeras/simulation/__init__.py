"""2LPT, N-body and halo finding: from a seed to a box."""
