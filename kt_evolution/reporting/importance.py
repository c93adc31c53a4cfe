"""Which hyperparameters matter, as a random forest sees it."""

import dataclasses

import numpy as np
from scipy.stats import rankdata

from kt_evolution.optional import import_module
from kt_evolution.reporting.diversity import genome_of
from kt_evolution.reporting.records import ObjectiveRecord
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.records import evenly
from kt_evolution.reporting.trial_records import TrialRecord

# Fewer trials predict nothing.
MIN_TRIALS = 12
NUM_FOLDS = 3
NUM_TREES = 60
NUM_SHUFFLES = 3
# The code of a hyperparameter that a trial did not use.
DORMANT = -1.0
# An even sample of so many trials explains as much as all.
MAX_TRIALS = 2_000


@dataclasses.dataclass(frozen=True)
class Importance:
    """How well hyperparameters predict an objective.

    Args:
        objective: The `ObjectiveRecord`.
        names: List of the hyperparameters, the most important first.
        means: Float array, by how much the forest's R2 falls when the values
            of a hyperparameter are shuffled.
        deviations: Float array, their standard deviations.
        r2: Float, how well the forest predicts the rank of trials that it
            was not trained on; at 0 the importances say nothing.
        num_trials: Int, of how many trials.
    """

    objective: ObjectiveRecord
    names: list[str]
    means: np.ndarray
    deviations: np.ndarray
    r2: float
    num_trials: int


def importance_of(
    search: SearchRecord, objective: ObjectiveRecord
) -> Importance | None:
    """Returns the permutation importance of hyperparameters.

    Forests learn the ranks of the objective, so that diverged trials don't
    decide; each is asked about the third of the trials that it has not seen.

    Reference:
        Breiman (2001), "Random Forests", section 10.

    Args:
        search: The `SearchRecord`.
        objective: One of its `ObjectiveRecord`s.

    Returns:
        An `Importance`, or None where there are too few trials.

    Raises:
        ImportError: If scikit-learn is not installed.
    """
    trials = evenly(search.completed, MAX_TRIALS)
    names, features = features_of(search, trials)
    if len(trials) < MIN_TRIALS or not names:
        return None
    scores = np.array([trial.metrics[objective.name] for trial in trials])
    ranks = rankdata(scores) / len(scores)
    ensemble = import_module("sklearn.ensemble")
    inspection = import_module("sklearn.inspection")
    selection = import_module("sklearn.model_selection")
    falls, fits = [], []
    folds = selection.KFold(NUM_FOLDS, shuffle=True, random_state=0)
    for seen, unseen in folds.split(features):
        forest = ensemble.RandomForestRegressor(
            NUM_TREES, min_samples_leaf=2, random_state=0
        ).fit(features[seen], ranks[seen])
        fits.append(forest.score(features[unseen], ranks[unseen]))
        falls.append(
            inspection.permutation_importance(
                forest,
                features[unseen],
                ranks[unseen],
                n_repeats=NUM_SHUFFLES,
                random_state=0,
            ).importances
        )
    shuffles = np.concatenate(falls, axis=1)
    means = shuffles.mean(axis=1)
    order = np.argsort(-means, kind="stable")
    return Importance(
        objective,
        [names[i] for i in order],
        means[order],
        shuffles.std(axis=1)[order],
        float(np.mean(fits)),
        len(trials),
    )


def features_of(
    search: SearchRecord, trials: list[TrialRecord]
) -> tuple[list[str], np.ndarray]:
    """Returns the hyperparameters that vary, and their codes in each trial.

    Returns:
        Tuple of the names and a float array of shape `(n, num_names)`, -1
        where a hyperparameter was not used.
    """
    genomes = np.array([genome_of(search, trial) for trial in trials])
    genomes = genomes.reshape(len(trials), search.space.num_genes)
    active = search.space.active(genomes)
    names: list[str] = []
    columns: list[np.ndarray] = []
    for name in dict.fromkeys(gene.name for gene in search.space.genes):
        genes = search.space.genes_named(name)
        used = np.array([name in trial.values for trial in trials], dtype=bool)
        codes = np.full(len(trials), DORMANT)
        for gene in genes:
            here = used & active[:, gene]
            codes[here] = genomes[here, gene]
        if len(set(codes.tolist())) > 1:
            names.append(name)
            columns.append(codes)
    return names, np.array(columns).reshape(len(names), len(trials)).T


def most_telling(
    features: np.ndarray, scores: np.ndarray, most: int
) -> list[int]:
    """Returns the hyperparameters that go with the score, the best last.

    By how much of the variance of ranks lies between the quarters of their
    codes, which costs nothing; importance is a figure of its own.

    Args:
        features: Float array of shape `(n, num_names)`, see `features_of`.
        scores: Float array of shape `(n,)`.
        most: Int, how many to return at most.

    Returns:
        List of positions among the names.
    """
    strengths = [_share_explained(column, scores) for column in features.T]
    return np.argsort(strengths, kind="stable")[-most:].tolist()


def _share_explained(codes: np.ndarray, scores: np.ndarray) -> float:
    """Returns the variance of the means of groups of alike codes."""
    bounds = np.quantile(codes, [0.25, 0.5, 0.75])
    groups = np.searchsorted(bounds, codes)
    means = np.zeros(4)
    sizes = np.bincount(groups, minlength=4)
    np.divide(np.bincount(groups, scores, 4), sizes, means, where=sizes > 0)
    return float(means[groups].var())
