"""Searches networks that are accurate and small, on handwritten digits.

The data and the models are those of `quickstart.py`. It prints the front of
accuracy against parameters, and then the most accurate model within a limit on
parameters. The second search starts from the trials of the first.

    python examples/trade_offs.py --trials 20 --epochs 3
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
from quickstart import build_model
from quickstart import load_digits

import kt_evolution

MAX_PARAMS = 20_000


def main():
    arguments = parse_arguments()
    train, validation, test = load_digits()
    keras.utils.set_random_seed(arguments.seed)
    fit = {
        "validation_data": validation,
        "epochs": arguments.epochs,
        "batch_size": 64,
    }
    shared = {"seed": arguments.seed, "directory": arguments.directory}

    front = kt_evolution.EvolutionTuner(
        build_model,
        objective=["val_accuracy", "params"],
        max_trials=arguments.trials,
        project_name="front",
        **shared,
    )
    front.search(*train, **fit)
    limited = kt_evolution.EvolutionTuner(
        build_model,
        objective="val_accuracy",
        limits=kt_evolution.Limit("params", max=MAX_PARAMS),
        max_trials=max(arguments.trials // 2, 1),
        warm_start=front.project_dir,
        project_name="limited",
        **shared,
    )
    limited.search(*train, **fit)

    print("\nThe front of accuracy against parameters, its knee first:")
    for trial in front.get_pareto_trials():
        show(front, trial, test)
    print(f"\nThe best with at most {MAX_PARAMS:,} parameters:")
    show(limited, limited.oracle.get_best_trials()[0], test)


def show(tuner, trial, test):
    metric = trial.metrics.get_best_value
    accuracy = tuner.load_model(trial).evaluate(*test, verbose=0)[1]
    print(
        f"  trial {trial.trial_id}: {metric('params'):8,.0f} parameters, "
        f"{metric('val_accuracy'):.4f} on validation, {accuracy:.4f} on test"
    )


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--directory", default="trade_off_results")
    return parser.parse_args()


if __name__ == "__main__":
    main()
