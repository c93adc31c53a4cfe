"""Searches the space of two cells where trainings are looked up.

Example:

```
python -m benchmarks.trained_cells --trials 100 --seeds 0-19
```

The table is that of `benchmarks.cell_trainings`, a score is the accuracy of the
best epoch. There are two searches. In the first a searcher may ask for the
networks of the table only: at random, or always the one whose expected
improvement is the largest after eight random ones. In the second `Evolution`
searches the whole space as it does for users, against random search, and a
model of the table takes the place of training: of a ridge regression and of
extremely randomized trees the one that ranks networks better that it was not
fitted to. Noise is added, as much as there is between two trainings of the same
network. Its scores are in standard deviations of the table, larger is better;
`nearest` is as in `benchmarks.many_choices`.

With `--proxies` the zero-cost proxies of the networks are measured, in a second
each, and compared with the scores.
"""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.stats

from benchmarks import cell_trainings
from benchmarks import many_choices
from benchmarks import proxy_table
from benchmarks import results
from benchmarks import tables
from benchmarks.cell_trainings import Training
from benchmarks.many_choices import NUM_INITIAL
from benchmarks.many_choices import is_operation
from benchmarks.race import parse_seeds
from kt_evolution.algorithm.surrogate.expected_improvement import (
    log_expected_improvement,
)
from kt_evolution.algorithm.surrogate.gaussian_process import GaussianProcess

NUM_FOLDS = 10


def score_of(training: Training) -> float:
    """Returns the accuracy of the best epoch."""
    return max(training.accuracies)


def features_of(values: Mapping[str, Any]) -> dict[str, float]:
    """Returns the features of a network.

    They are its values, and how often each cell has each operation.
    """
    features: dict[str, float] = {}
    for name, value in values.items():
        features[f"{name}={value}"] = 1.0
        if is_operation(name):
            count = f"{name.split('/')[0]}/{value}"
            features[count] = features.get(count, 0.0) + 1.0
    return features


class ScoreModel:
    """A model of the scores of networks, fitted to the table.

    Args:
        values: Sequence of dicts, the networks.
        scores: Float array, their standardized scores.

    Attributes:
        taus: Dict, Kendall's rank correlation of each kind of model with the
            scores of networks that it was not fitted to.
        kind: String, the better one.
    """

    def __init__(
        self, values: Sequence[Mapping[str, Any]], scores: np.ndarray
    ) -> None:
        from sklearn.ensemble import ExtraTreesRegressor
        from sklearn.feature_extraction import DictVectorizer
        from sklearn.linear_model import RidgeCV
        from sklearn.model_selection import KFold
        from sklearn.model_selection import cross_val_predict
        from sklearn.pipeline import make_pipeline

        models = {
            "ridge": RidgeCV(np.logspace(-1, 3, 13)),
            "trees": ExtraTreesRegressor(
                300, max_features=1 / 3, min_samples_leaf=2, random_state=0
            ),
        }
        features = [features_of(one) for one in values]
        folds = KFold(NUM_FOLDS, shuffle=True, random_state=0)
        self.taus: dict[str, float] = {}
        for kind, regressor in models.items():
            model = make_pipeline(DictVectorizer(sparse=False), regressor)
            predicted = cross_val_predict(model, features, scores, cv=folds)
            tau = scipy.stats.kendalltau(predicted, scores).statistic
            self.taus[kind] = float(tau)
            if tau == max(self.taus.values()):
                self.kind, self._model = kind, model
        self._model.fit(features, scores)

    def __call__(self, values: Mapping[str, Any]) -> float:
        """Returns the score of a network."""
        return float(self._model.predict([features_of(values)])[0])


def noise_of(table: Mapping[tuple[int, int], Training]) -> float:
    """Returns the standard deviation of a score between trainings."""
    by_network: dict[int, list[float]] = {}
    for training in table.values():
        by_network.setdefault(training.network, []).append(score_of(training))
    variances = [np.var(s, ddof=1) for s in by_network.values() if len(s) > 1]
    if not variances:
        raise ValueError(
            "The table has no network that was trained twice. Run `python -m "
            "benchmarks.cell_trainings --networks 0-19 --seed 1` first."
        )
    return float(np.sqrt(np.mean(variances)))


def random_search(scores: np.ndarray, trials: int, seed: int) -> np.ndarray:
    """Returns the best score after each of random trials."""
    order = np.random.default_rng(seed).permutation(len(scores))[:trials]
    return np.maximum.accumulate(scores[order])


def surrogate_search(
    values: Sequence[Mapping[str, Any]],
    scores: np.ndarray,
    trials: int,
    seed: int,
) -> np.ndarray:
    """Returns the best score after each trial that the surrogate chose.

    The first ones are those of `random_search` with the same seed.
    """
    space = cell_trainings.space()
    genomes = np.array([space.encode(one) for one in values])
    expressed = space.active(genomes)
    order = np.random.default_rng(seed).permutation(len(scores))
    asked = order[:NUM_INITIAL].tolist()
    while len(asked) < trials:
        posterior = GaussianProcess().fit(
            space, genomes[asked], expressed[asked], -scores[asked]
        )
        rest = np.setdiff1d(np.arange(len(scores)), asked)
        mean, std = posterior.predict(genomes[rest], expressed[rest])
        gains = log_expected_improvement(mean, std, posterior.best)
        asked.append(int(rest[np.argmax(gains)]))
    return np.maximum.accumulate(scores[asked])


def table_of_pool(
    values: Sequence[Mapping[str, Any]],
    scores: np.ndarray,
    trials: int,
    seeds: Sequence[int],
) -> str:
    """Returns the first search as markdown: means over seeds, and errors."""
    checkpoints = many_choices.checkpoints_until(trials)
    curves = {
        "random": [random_search(scores, trials, seed) for seed in seeds],
        "surrogate": [
            surrogate_search(values, scores, trials, seed) for seed in seeds
        ],
    }
    columns = " | ".join(map(str, checkpoints))
    lines = [f"| among {len(scores)} | {columns} |"]
    lines.append("|---|" + "---:|" * len(checkpoints))
    for name, found in curves.items():
        cells = [
            tables.mean_and_error([curve[n - 1] for curve in found], 4)
            for n in checkpoints
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def proxies_of(values: Mapping[str, Any]) -> dict[str, float]:
    """Returns the zero-cost proxies of a network, and its parameters."""
    hp = cell_trainings.hyperparameters_of(values)
    return proxy_table.proxies_of(cell_trainings.built(hp, 0))


def table_of_proxies(
    values: Sequence[Mapping[str, Any]], scores: np.ndarray
) -> str:
    """Returns rank correlations of proxies with the scores, as markdown.

    They are those of all networks, and of the better half.
    """
    measured = [proxies_of(one) for one in values]
    is_better = scores >= np.median(scores)
    rows = []
    for name in measured[0]:
        column = np.array([one.get(name, -np.inf) for one in measured])
        found = proxy_table.rank_correlations(column, scores, is_better)
        rows.append([name, *(f"{one:.2f}" for one in found)])
    return tables.table(["proxy", "all", "the better half"], rows)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Search trained cells.")
    add = parser.add_argument
    add("--trials", type=int, default=30)
    add("--seeds", type=parse_seeds, default=list(range(20)))
    add(
        "--searchers",
        nargs="+",
        choices=many_choices.SEARCHERS,
        default=many_choices.SEARCHERS,
    )
    add("--proxies", action="store_true", help="compare them as well")
    add("--results", type=pathlib.Path, default=results.FOLDER)
    options = parser.parse_args(arguments)
    table = cell_trainings.load(options.results)
    firsts = [one for (_, seed), one in sorted(table.items()) if seed == 0]
    values = [one.values for one in firsts]
    scores = np.array([score_of(one) for one in firsts])
    noise = noise_of(table) / scores.std()
    print(
        f"{len(scores)} networks: accuracy {scores.mean():.4f} ± "
        f"{scores.std():.4f}, best {scores.max():.4f}; noise {noise:.2f} "
        "standard deviations\n"
    )
    if options.proxies:
        print(table_of_proxies(values, scores), end="\n\n")
    trials = min(options.trials, len(scores))
    print(table_of_pool(values, scores, trials, options.seeds), end="\n\n")
    model = ScoreModel(values, (scores - scores.mean()) / scores.std())
    taus = ", ".join(f"{name} {tau:.2f}" for name, tau in model.taus.items())
    print(f"Rank correlation with unseen networks: {taus}\n")
    checkpoints = many_choices.checkpoints_until(options.trials)
    print(many_choices.header(f"{model.kind}, searcher", checkpoints))
    for searcher in options.searchers:
        found = [
            many_choices.search(
                searcher,
                options.trials,
                seed,
                model,
                cell_trainings.hyperparameters(),
                noise,
            )
            for seed in options.seeds
        ]
        print(many_choices.row(searcher, found, checkpoints), flush=True)


if __name__ == "__main__":
    main()
