"""Fidelity: for how many epochs each individual is trained, and when.

Most individuals are compared after a few epochs, at *rungs*, and are *paused*
there. The best of them are *promoted*: their training goes on where it was
paused. `SuccessiveHalving` decides; `kt_evolution.algorithm.history.rungs` has
what the history knows of it.
"""

from kt_evolution.algorithm.fidelity.successive_halving import SuccessiveHalving

__all__ = ["SuccessiveHalving"]
