"""One trial, from build to metrics."""
