"""A Gaussian process over genomes, fitted by maximum a posteriori."""

import dataclasses
from collections.abc import Callable

import numpy as np
from scipy.linalg import solve_triangular

from kt_evolution.algorithm.checks import check_count
from kt_evolution.algorithm.checks import check_probability
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.algorithm.surrogate.base import Surrogate
from kt_evolution.algorithm.surrogate.kernel import correlations
from kt_evolution.algorithm.surrogate.kernel import embed
from kt_evolution.algorithm.surrogate.kernel import num_varied
from kt_evolution.algorithm.surrogate.parameters import JITTER
from kt_evolution.algorithm.surrogate.parameters import amplitude_of
from kt_evolution.algorithm.surrogate.parameters import fit_parameters
from kt_evolution.algorithm.surrogate.parameters import nugget
from kt_evolution.algorithm.surrogate.prior_mean import CONSTANT
from kt_evolution.algorithm.surrogate.prior_mean import PriorMean
from kt_evolution.algorithm.surrogate.standardization import ScoreScale
from kt_evolution.algorithm.surrogate.standardization import standardize
from kt_evolution.algorithm.surrogate.standardization import (
    standardize_violations,
)
from kt_evolution.algorithm.surrogate.subset import choose_points

STANDARD = ScoreScale()


class GaussianProcess:
    """Predicts the scores of individuals from the known scores.

    The covariance is a Matern function with one length scale for each gene,
    see `kernel.py`. Length scales and noise are the most probable ones; the
    amplitude is integrated out approximately, by its most probable value.

    The nugget is the residual variance, which no smooth function of the genes
    explains. From single evaluations noise and repeatable effects of an
    individual can't be told apart, so each gets half of it (`repeatability`).
    If all of it were noise, the search would not trust any lucky result. If
    none were, it would keep searching near the best for a better exception.
    If models were trained repeatedly, the noise is known from that.

    Reference:
        Rasmussen & Williams (2006), "Gaussian Processes for Machine
        Learning", chapters 2 and 5.

    Args:
        max_points: Int, the number of individuals in the posterior. From a
            longer history the best, the latest and some in between are
            taken. Defaults to 300.
        max_fit_points: Int, the number of those to which length scales are
            fitted. Defaults to 100.
        repeatability: Float in [0, 1], the share of the residual variance
            that a second evaluation would show again, where `noise_variance`
            is not known. Defaults to 0.5.
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
        noise_variance: np.ndarray | None = None,
        extrapolation_variance: np.ndarray | None = None,
        prior_mean: PriorMean = CONSTANT,
        are_violations: bool = False,
    ) -> "GaussianPosterior":
        """Returns the posterior of the scores. Keeps nothing between calls.

        Args:
            space: The `SearchSpace` of the genomes.
            genomes: Float array of shape `(n, num_genes)`, in the order of
                the history, at least one.
            expressed: Bool array of shape `(n, num_genes)`.
            scores: Float array of shape `(n,)`, finite, lower is better.
            noise_variance: Float array of shape `(n,)`, the variance of each
                score that is due to noise; NaN where it is not known.
                Defaults to None: it is not known for any score.
            extrapolation_variance: Float array of shape `(n,)`, the variance
                of each score that is predicted from a shorter training; 0 for
                those that are known. Defaults to None: all are known.
            prior_mean: The `PriorMean` of the standardized scores. Defaults
                to an unknown constant.
            are_violations: Bool, whether the scores are violations of a limit.
                Their outliers are clipped such that no sign changes. Defaults
                to False.
        """
        scores = np.asarray(scores, dtype=float)
        _check_history(space, genomes, expressed, scores)
        kept = choose_points(scores, self.max_points)
        scaling = standardize_violations if are_violations else standardize
        targets, score_scale = scaling(scores)
        targets = targets[kept]
        points, features = embed(space, genomes[kept], expressed[kept])
        fitted = choose_points(scores[kept], self.max_fit_points)
        added = np.zeros(len(kept))
        if extrapolation_variance is not None:
            # The amplitude of standardized scores is about one.
            added = extrapolation_variance[kept] / score_scale.scale**2
        basis = prior_mean.basis(genomes[kept], expressed[kept])
        parameters = fit_parameters(
            points[fitted],
            features,
            (targets - prior_mean.expected(basis))[fitted],
            added[fitted],
            prior_mean.covariance(basis[fitted], basis[fitted]),
            num_varied(space),
        )
        residual = nugget(parameters)
        individual_variance = self.repeatability * residual
        posterior = GaussianPosterior.of(
            space,
            points,
            features,
            targets,
            parameters,
            max(individual_variance, JITTER),
            residual - individual_variance + added,
            score_scale=score_scale,
            prior_mean=prior_mean,
            basis=basis,
        )
        if noise_variance is None:
            return posterior
        known_noise = noise_variance[kept]
        if not np.isfinite(known_noise).any():
            return posterior
        return posterior.with_known_noise(known_noise)


@dataclasses.dataclass(frozen=True, eq=False)
class GaussianPosterior:
    """A Gaussian process given known scores. Made by `GaussianProcess`."""

    space: SearchSpace
    points: np.ndarray
    features: np.ndarray
    targets: np.ndarray
    parameters: np.ndarray
    # The two parts of the residual variance, per unit of amplitude: repeatable
    # effects of an individual, and noise.
    individual_variance: float
    noise_variance: np.ndarray
    amplitude: float
    cholesky: np.ndarray
    weights: np.ndarray
    best: float
    score_scale: ScoreScale
    prior_mean: PriorMean
    # The basis functions of the prior mean at the points.
    basis: np.ndarray

    @classmethod
    def of(
        cls,
        space: SearchSpace,
        points: np.ndarray,
        features: np.ndarray,
        targets: np.ndarray,
        parameters: np.ndarray,
        individual_variance: float,
        noise_variance: np.ndarray,
        amplitude: float | None = None,
        score_scale: ScoreScale = STANDARD,
        prior_mean: PriorMean = CONSTANT,
        basis: np.ndarray | None = None,
    ) -> "GaussianPosterior":
        """Returns the posterior for given parameters (eq. 2.38)."""
        if basis is None:
            basis = np.empty((len(points), 0))
        covariance = correlations(points, points, features, parameters[:-1])
        covariance += prior_mean.covariance(basis, basis)
        covariance[np.diag_indices(len(points))] += (
            individual_variance + noise_variance
        )
        cholesky = np.linalg.cholesky(covariance)
        residuals = targets - prior_mean.expected(basis)
        half = solve_triangular(
            cholesky, residuals, lower=True, check_finite=False
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
            individual_variance=individual_variance,
            noise_variance=noise_variance,
            amplitude=amplitude,
            cholesky=cholesky,
            weights=weights,
            best=score_scale.scores(
                float((targets - noise_variance * weights).min())
            ),
            score_scale=score_scale,
            prior_mean=prior_mean,
            basis=basis,
        )

    def with_known_noise(
        self, noise_variance: np.ndarray
    ) -> "GaussianPosterior":
        """Returns the posterior with the noise of repeated trainings.

        The rest of the residual variance is that of individuals.

        Args:
            noise_variance: Float array of shape `(n,)`, variances of the
                scores; NaN where they are not known. One is known at least.
        """
        known = np.isfinite(noise_variance)
        score_scale = self.score_scale.scale**2
        per_amplitude = noise_variance[known] / score_scale / self.amplitude
        variances = self.noise_variance.copy()
        variances[known] = per_amplitude
        individual_variance = max(
            nugget(self.parameters) - float(per_amplitude.mean()), JITTER
        )
        return GaussianPosterior.of(
            self.space,
            self.points,
            self.features,
            self.targets,
            self.parameters,
            individual_variance,
            variances,
            score_scale=self.score_scale,
            prior_mean=self.prior_mean,
            basis=self.basis,
        )

    def predict(
        self, genomes: np.ndarray, expressed: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Predicts the scores of individuals that are not known yet.

        Args:
            genomes: Float array of shape `(n, num_genes)`.
            expressed: Bool array of shape `(n, num_genes)`.

        Returns:
            Tuple of the means and the standard deviations without noise, two
            float arrays of shape `(n,)`.
        """
        mean, std = self._predict(genomes, expressed)
        return self.score_scale.scores(mean), self.score_scale.scale * std

    @property
    def relevance(self) -> np.ndarray:
        """Float array of shape `(num_genes,)`, how much a gene matters.

        These are the inverse squared length scales.
        """
        return np.exp(self.parameters[: self.space.num_genes])

    def condition_on(
        self, genomes: np.ndarray, expressed: np.ndarray
    ) -> "GaussianPosterior":
        """Returns the posterior given that its own predictions are right.

        The score to improve on stays that of the known individuals. A
        prediction that is too good would otherwise be what all others must
        improve on, and the more individuals are pending, the likelier it is.

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
        basis = self.prior_mean.basis(genomes, expressed)
        expected_noise = np.full(len(points), self.noise_variance.mean())
        believer = GaussianPosterior.of(
            self.space,
            np.concatenate([self.points, points]),
            self.features,
            np.concatenate(
                [self.targets, self.standardized_mean(genomes, expressed)]
            ),
            self.parameters,
            self.individual_variance,
            np.append(self.noise_variance, expected_noise),
            self.amplitude,
            self.score_scale,
            self.prior_mean,
            np.concatenate([self.basis, basis]),
        )
        return dataclasses.replace(believer, best=self.best)

    def standardized_mean(
        self, genomes: np.ndarray, expressed: np.ndarray
    ) -> np.ndarray:
        """Returns the means that `predict` returns, of standardized scores."""
        basis, covariance = self._covariance(genomes, expressed)
        return self.prior_mean.expected(basis) + covariance.T @ self.weights

    def _predict(
        self, genomes: np.ndarray, expressed: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Predicts standardized scores, see `predict` (eq. 2.41, 2.42)."""
        basis, covariance = self._covariance(genomes, expressed)
        half = solve_triangular(
            self.cholesky, covariance, lower=True, check_finite=False
        )
        known = np.einsum("ij,ij->j", half, half)
        mean_variance = self.prior_mean.mean_variance(basis)
        variance = np.maximum(1.0 + mean_variance - known, 0.0)
        variance += self.individual_variance
        mean = self.prior_mean.expected(basis) + covariance.T @ self.weights
        return mean, np.sqrt(self.amplitude * variance)

    def _covariance(
        self, genomes: np.ndarray, expressed: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the basis of individuals, and their covariance with points.

        The covariance is per unit of amplitude.
        """
        points, _ = embed(self.space, genomes, expressed)
        basis = self.prior_mean.basis(genomes, expressed)
        covariance = self.prior_mean.covariance(self.basis, basis)
        covariance += correlations(
            self.points, points, self.features, self.parameters[:-1]
        )
        return basis, covariance


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


SURROGATES: dict[str, Callable[[], Surrogate]] = {
    "gaussian_process": GaussianProcess,
}
