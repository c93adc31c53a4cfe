"""Races of hyperparameter searchers on public tables."""
