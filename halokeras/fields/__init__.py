"""Arrays on a grid: gridding, modes, spectra, bispectrum, histograms, alignment; no files."""
