"""The operators of evolution: one module per family, a registry at its foot."""
