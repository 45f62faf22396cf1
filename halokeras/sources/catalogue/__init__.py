"""Any table of halos, and any density."""
