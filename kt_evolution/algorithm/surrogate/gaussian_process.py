"""A Gaussian process over genomes, fitted by maximum a posteriori."""

import dataclasses

import numpy as np
from scipy.linalg import solve_triangular

from kt_evolution.algorithm.checks import check_count
from kt_evolution.algorithm.checks import check_probability
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.algorithm.surrogate.kernel import correlations
from kt_evolution.algorithm.surrogate.kernel import embed
from kt_evolution.algorithm.surrogate.parameters import JITTER
from kt_evolution.algorithm.surrogate.parameters import MEAN_VARIANCE
from kt_evolution.algorithm.surrogate.parameters import amplitude_of
from kt_evolution.algorithm.surrogate.parameters import fit_parameters
from kt_evolution.algorithm.surrogate.parameters import nugget
from kt_evolution.algorithm.surrogate.standardization import Unit
from kt_evolution.algorithm.surrogate.standardization import warp
from kt_evolution.algorithm.surrogate.subset import choose_points

STANDARD = Unit()


class GaussianProcess:
    """Predicts the scores of individuals from those that are known.

    The covariance is a Matern function with one length scale for each gene,
    see `kernel.py`. Length scales and noise are the most probable ones; the
    amplitude is integrated out approximately, by its most probable value.

    What no smooth function of the genes explains is learnt as one variance.
    From single evaluations nobody can tell how much of it is chance, and how
    much is the individual's own and would be there again, so half of each is
    assumed. With pure chance the search does not believe in a lucky result;
    with none it keeps looking near the best for a still better exception.
    Where models were trained repeatedly chance is known, and it counts.

    Reference:
        Rasmussen & Williams (2006), "Gaussian Processes for Machine
        Learning", chapters 2 and 5.

    Args:
        max_points: Int, of how many individuals the posterior is made. Of a
            longer history the best, the latest and some in between are
            taken. Defaults to 300.
        max_fit_points: Int, from how many of those the length scales are
            learnt. Defaults to 100.
        repeatability: Float in [0, 1], the share of the unexplained variance
            that a second evaluation would show again, where `chance` is not
            known. Defaults to 0.5.
    """

    def __init__(
        self,
        max_points: int = 300,
        max_fit_points: int = 100,
        repeatability: float = 0.5,
    ) -> None:
        self.max_points = check_count("max_points", max_points)
        self.max_fit_points = check_count("max_fit_points", max_fit_points)
        self.repeatability = check_probability("repeatability", repeatability)

    def fit(
        self,
        space: SearchSpace,
        genomes: np.ndarray,
        expressed: np.ndarray,
        scores: np.ndarray,
        chance: np.ndarray | None = None,
    ) -> "GaussianPosterior":
        """Returns what the scores teach. Keeps nothing between calls.

        Args:
            space: The `SearchSpace` of the genomes.
            genomes: Float array of shape `(n, num_genes)`, in the order of
                the history, at least one.
            expressed: Bool array of shape `(n, num_genes)`.
            scores: Float array of shape `(n,)`, finite, lower is better.
            chance: Float array of shape `(n,)`, the variance of each score
                that chance explains; NaN where it is not known. Defaults to
                None, nowhere.
        """
        scores = np.asarray(scores, dtype=float)
        _check_history(space, genomes, expressed, scores)
        kept = choose_points(scores, self.max_points)
        targets, unit = warp(scores)
        targets = targets[kept]
        points, features = embed(space, genomes[kept], expressed[kept])
        fitted = choose_points(scores[kept], self.max_fit_points)
        parameters = fit_parameters(points[fitted], features, targets[fitted])
        unexplained = nugget(parameters)
        own = self.repeatability * unexplained
        posterior = GaussianPosterior.of(
            space,
            points,
            features,
            targets,
            parameters,
            max(own, JITTER),
            np.full(len(kept), unexplained - own),
            unit=unit,
        )
        if chance is None or not np.isfinite(chance[kept]).any():
            return posterior
        return posterior.with_known_chance(chance[kept])


@dataclasses.dataclass(frozen=True, eq=False)
class GaussianPosterior:
    """A Gaussian process that has seen scores. Made by `GaussianProcess`."""

    space: SearchSpace
    points: np.ndarray
    features: np.ndarray
    targets: np.ndarray
    parameters: np.ndarray
    # What no function of the genes explains, per unit of amplitude: the
    # variance of each individual's own, and that of chance.
    own: float
    chance: np.ndarray
    amplitude: float
    cholesky: np.ndarray
    weights: np.ndarray
    best: float
    unit: Unit

    @classmethod
    def of(
        cls,
        space: SearchSpace,
        points: np.ndarray,
        features: np.ndarray,
        targets: np.ndarray,
        parameters: np.ndarray,
        own: float,
        chance: np.ndarray,
        amplitude: float | None = None,
        unit: Unit = STANDARD,
    ) -> "GaussianPosterior":
        """Returns the posterior for given parameters (eq. 2.25, 2.26)."""
        covariance = correlations(points, points, features, parameters[:-1])
        covariance += MEAN_VARIANCE
        covariance[np.diag_indices(len(points))] += own + chance
        cholesky = np.linalg.cholesky(covariance)
        half = solve_triangular(
            cholesky, targets, lower=True, check_finite=False
        )
        if amplitude is None:
            amplitude = amplitude_of(half @ half, len(targets))
        weights = solve_triangular(
            cholesky, half, lower=True, trans=1, check_finite=False
        )
        return cls(
            space=space,
            points=points,
            features=features,
            targets=targets,
            parameters=parameters,
            own=own,
            chance=chance,
            amplitude=amplitude,
            cholesky=cholesky,
            weights=weights,
            best=unit.offset
            + unit.scale * float((targets - chance * weights).min()),
            unit=unit,
        )

    def with_known_chance(self, chance: np.ndarray) -> "GaussianPosterior":
        """Returns the posterior where repeated trainings tell of chance.

        What of the unexplained variance is not chance is each one's own.

        Args:
            chance: Float array of shape `(n,)`, variances of the scores; NaN
                where they are not known, not everywhere.
        """
        known = np.isfinite(chance)
        per_unit = chance[known] / self.unit.scale**2 / self.amplitude
        variances = self.chance.copy()
        variances[known] = per_unit
        own = max(nugget(self.parameters) - float(per_unit.mean()), JITTER)
        return GaussianPosterior.of(
            self.space,
            self.points,
            self.features,
            self.targets,
            self.parameters,
            own,
            variances,
            unit=self.unit,
        )

    def predict(
        self, genomes: np.ndarray, expressed: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Predicts the scores of individuals that are not known yet.

        Args:
            genomes: Float array of shape `(n, num_genes)`.
            expressed: Bool array of shape `(n, num_genes)`.

        Returns:
            Tuple of the means and the standard deviations, without the part
            that is chance, two float arrays of shape `(n,)`.
        """
        points, _ = embed(self.space, genomes, expressed)
        mean, std = self._predict(points)
        return self.unit.offset + self.unit.scale * mean, self.unit.scale * std

    @property
    def relevance(self) -> np.ndarray:
        """Float array of shape `(num_genes,)`, how much a gene matters.

        These are the inverse squared length scales.
        """
        return np.exp(self.parameters[: self.space.num_genes])

    def condition_on(
        self, genomes: np.ndarray, expressed: np.ndarray
    ) -> "GaussianPosterior":
        """Returns the posterior that believes in its own predictions.

        Reference:
            Ginsbourger et al. (2010), "Kriging Is Well-Suited to Parallelize
            Optimization", the kriging believer.

        Args:
            genomes: Float array of shape `(n, num_genes)`, individuals that
                were proposed and have no result yet.
            expressed: Bool array of shape `(n, num_genes)`.
        """
        if not len(genomes):
            return self
        points, _ = embed(self.space, genomes, expressed)
        return GaussianPosterior.of(
            self.space,
            np.concatenate([self.points, points]),
            self.features,
            np.concatenate([self.targets, self._predict(points)[0]]),
            self.parameters,
            self.own,
            np.append(self.chance, np.full(len(points), self.chance.mean())),
            self.amplitude,
            self.unit,
        )

    def _predict(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        covariance = MEAN_VARIANCE + correlations(
            self.points, points, self.features, self.parameters[:-1]
        )
        half = solve_triangular(
            self.cholesky, covariance, lower=True, check_finite=False
        )
        known = np.einsum("ij,ij->j", half, half)
        left = np.maximum(1.0 + MEAN_VARIANCE - known, 0.0) + self.own
        return covariance.T @ self.weights, np.sqrt(self.amplitude * left)


def _check_history(
    space: SearchSpace,
    genomes: np.ndarray,
    expressed: np.ndarray,
    scores: np.ndarray,
) -> None:
    shape = (len(scores), space.num_genes)
    if not len(scores) or genomes.shape != shape or expressed.shape != shape:
        raise ValueError(
            f"`genomes` and `expressed` must have the shape (n, num_genes) "
            f"and `scores` the shape (n,), with n >= 1. Received: shapes "
            f"{genomes.shape}, {expressed.shape} and {scores.shape} for "
            f"num_genes={space.num_genes}"
        )
    if not np.all(np.isfinite(scores)):
        raise ValueError(f"`scores` must be finite. Received: scores={scores}")
