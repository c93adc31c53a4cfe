"""The genes of a search space, and their codes."""
