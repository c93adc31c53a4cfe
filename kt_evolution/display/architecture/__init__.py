"""Architectures as pictures: plain records in, SVG out. No Keras."""
