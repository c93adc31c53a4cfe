"""History in, proposal out: the search itself, with NumPy and SciPy only."""
