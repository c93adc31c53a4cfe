"""The project: a search as a folder that survives any crash."""
