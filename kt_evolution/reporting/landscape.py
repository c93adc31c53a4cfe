"""How the rank of trials depends on one or two hyperparameters."""

import dataclasses
import itertools

import numpy as np

from kt_evolution.optional import import_module
from kt_evolution.reporting.importance import DORMANT
from kt_evolution.reporting.importance import MIN_TRIALS
from kt_evolution.reporting.importance import features_of
from kt_evolution.reporting.importance import most_telling
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.records import evenly
from kt_evolution.reporting.trial_records import TrialRecord

# An even sample of so many trials shows as much as all.
MAX_TRIALS = 300
GRID = 33
# Scales of the smoothing, in codes, and the share of ranks that two
# hyperparameters alone leave open.
LENGTH_SCALE = 0.2
NOISE = 0.3


@dataclasses.dataclass(frozen=True)
class Landscape:
    """The ranks that two hyperparameters alone predict.

    Args:
        trials: List of the `TrialRecord`s that use both.
        codes: Float array of shape `(n, 2)`, the codes of their values.
        grid: Float array, the codes at which ranks are predicted.
        ranks: Float array of shape `(num_grid, num_grid)`, from 0 to 1, the
            best; a row for each code of the second hyperparameter.
    """

    trials: list[TrialRecord]
    codes: np.ndarray
    grid: np.ndarray
    ranks: np.ndarray


def telling_names(search: SearchRecord, most: int) -> list[str]:
    """Returns the hyperparameters that go with the rank most, best first."""
    trials = evenly(search.ranked(), MAX_TRIALS)
    names, features = features_of(search, trials)
    if len(trials) < 2 or not names:
        return []
    order = most_telling(features, np.arange(len(trials)), most)
    return [names[i] for i in reversed(order)]


def telling_pairs(search: SearchRecord, most: int) -> list[tuple[str, str]]:
    """Returns the pairs of the `most` most telling hyperparameters."""
    return list(itertools.combinations(telling_names(search, most), 2))


def codes_of(
    search: SearchRecord, names: tuple[str, ...]
) -> tuple[list[TrialRecord], np.ndarray]:
    """Returns the completed trials, best first, and their codes.

    Args:
        search: The `SearchRecord`.
        names: Tuple of hyperparameters.

    Returns:
        Tuple of `TrialRecord`s and a float array of shape
        `(n, num_names)`, `DORMANT` where a hyperparameter was not used.

    Raises:
        ValueError: If there is no such hyperparameter.
    """
    for name in names:
        if name not in search.parameters:
            raise ValueError(
                "`name` must be that of a hyperparameter of the search, "
                f"{search.parameters}. Received: name={name!r}"
            )
    trials = evenly(search.ranked(), MAX_TRIALS)
    known, features = features_of(search, trials)
    if not set(names) <= set(known):
        # It has one value, or no trial uses it.
        return [], np.empty((0, len(names)))
    return trials, features[:, [known.index(name) for name in names]]


def landscape_of(search: SearchRecord, x: str, y: str) -> Landscape | None:
    """Returns the ranks that two hyperparameters alone predict.

    A Gaussian process smooths the ranks of the trials, in whose noise is all
    that the other hyperparameters do.

    Args:
        search: The `SearchRecord`.
        x: String, a hyperparameter.
        y: String, another one.

    Returns:
        A `Landscape`, or None where too few trials use both.

    Raises:
        ImportError: If scikit-learn is not installed.
        ValueError: If there is no such hyperparameter.
    """
    trials, codes = codes_of(search, (x, y))
    quality = 1.0 - np.arange(len(trials)) / max(len(trials) - 1, 1)
    used = (codes != DORMANT).all(axis=1)
    if used.sum() < MIN_TRIALS:
        return None
    process = import_module("sklearn.gaussian_process")
    kernel = process.kernels.RBF(LENGTH_SCALE)
    regressor = process.GaussianProcessRegressor(
        kernel, alpha=NOISE, optimizer=None, normalize_y=True
    ).fit(codes[used], quality[used])
    grid = np.linspace(0.0, 1.0, GRID)
    points = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    ranks = np.clip(regressor.predict(points), 0.0, 1.0).reshape(GRID, GRID)
    kept = [trial for trial, one in zip(trials, used, strict=True) if one]
    return Landscape(kept, codes[used], grid, ranks)
