"""Projects with paused and promoted trials, made without training."""

from pathlib import Path
from typing import Any

import kt_evolution
from kt_evolution.project.issued_trial import report_trained
from tests.project.oracles import halving_oracle
from tests.project.oracles import train


def simulate(folder: Path, **kwargs: Any) -> kt_evolution.EvolutionOracle:
    """Searches in the folder "p", and returns the oracle at the end.

    Trainings have 27 epochs, and their lengths are reported.
    """
    oracle = halving_oracle(folder, **kwargs)
    while (trial := oracle.create_trial("tuner0")).status == "RUNNING":
        report_trained(trial, min(trial.epochs or 27, 27))
        train(oracle, trial)
    return oracle
