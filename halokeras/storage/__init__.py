"""Files that appear whole, HDF5 and Zarr, checksums, memory."""
