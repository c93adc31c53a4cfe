"""The one place where plotly is imported: figures need it, records don't."""

from kt_evolution.optional import load

go = load("plotly.graph_objects")
