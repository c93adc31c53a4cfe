"""Blocks that a build function composes, one module for each family."""
