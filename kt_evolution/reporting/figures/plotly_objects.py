"""The one place where plotly is imported: figures need it, records don't."""

from kt_evolution.optional import import_module

go = import_module("plotly.graph_objects")
