"""A saved painter: its files, its provenance and its law of counts."""
