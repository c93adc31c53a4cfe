"""Proposals: which model is tried next, and whether it can be trained."""
