"""Projects with paused and promoted trials, made without training."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kt_evolution
from kt_evolution.project.issued_trial import report_trained
from tests.project.oracles import curve_of
from tests.project.oracles import halving_oracle
from tests.project.oracles import train


def simulate(
    folder: Path,
    on_trial: Callable[[kt_evolution.EvolutionOracle, Any], None] | None = None,
    **kwargs: Any,
) -> kt_evolution.EvolutionOracle:
    """Searches in the folder "p", and returns the oracle at the end.

    Trainings have 27 epochs, and their lengths and curves are recorded.

    Args:
        folder: The path of the folder.
        on_trial: Function of the oracle and a trial, called after each run.
        **kwargs: Arguments of `EvolutionOracle`.
    """
    oracle = halving_oracle(folder, **kwargs)
    while (trial := oracle.create_trial("tuner0")).status == "RUNNING":
        num_epochs = min(trial.epochs or 27, 27)
        report_trained(trial, num_epochs)
        log = folder / "p" / f"trial_{trial.trial_id}" / "training.jsonl"
        lines = [{"event": "begin", "epochs": 27}]
        lines += [
            {"event": "epoch", "epoch": epoch, "logs": {"score": score}}
            for epoch, score in enumerate(curve_of(trial)[:num_epochs])
        ]
        log.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        train(oracle, trial)
        if on_trial is not None:
            on_trial(oracle, trial)
    return oracle
