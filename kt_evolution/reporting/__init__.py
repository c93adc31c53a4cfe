"""What to see, keep and share of a search, of any Keras Tuner project."""

from kt_evolution.reporting.records import ObjectiveRecord
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.records import TrialRecord
from kt_evolution.reporting.records import read_search
from kt_evolution.reporting.report import write_report

__all__ = [
    "ObjectiveRecord",
    "SearchRecord",
    "TrialRecord",
    "read_search",
    "write_report",
]
