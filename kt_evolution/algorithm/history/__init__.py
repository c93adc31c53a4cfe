"""The history: the individuals of a search, and their results."""
