"""A search as a folder that survives anything."""
