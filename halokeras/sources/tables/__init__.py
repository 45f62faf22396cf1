"""Tables of halos or particles, in the formats that catalogues come in, read in chunks."""
