"""The search as a search algorithm of Ray Tune, for trainables of any kind."""

from kt_evolution.ray_tune.searcher import EvolutionSearch

__all__ = ["EvolutionSearch"]
