"""Blocks: pieces that a build function composes, one module a family."""
