"""The covariance of two individuals, made for genomes.

Every gene places an individual in a small Euclidean space of its own, and all
of them together place it in one large space. A Matern function of the
distance there is positive definite for any kinds of genes, and for any
combination of expressed genes:

- the values of a categorical gene lie one apart from each other;
- the values of a numeric gene lie on an arc of one radian, almost a straight
  line, whose two ends are two apart;
- a gene that is not expressed lies at a point of its own: one apart from all
  categories, or in the center of the arc.

So two individuals do not differ in a gene that neither expresses. If only one
of them expresses it, they differ by a fixed amount.

If a choice is made several times, as on the edges of a cell, individuals also
differ by how often they choose each category. Two cells with the same
operations in other places are then similar, and the effect of an operation is
learned from all of its places at once.
"""

import math
from collections.abc import Callable

import numpy as np

from kt_evolution.algorithm.space.search_space import WIDE
from kt_evolution.algorithm.space.search_space import SearchSpace

# On an arc of this radius two points one radian apart have the distance 2.
ARC_RADIUS = 1.0 / math.sin(0.5)
# If a gene has more categories, some of them share a place.
MAX_CATEGORIES = 64


def embed(
    space: SearchSpace, genomes: np.ndarray, expressed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns individuals as points of a Euclidean space.

    Reference:
        Swersky et al. (2013), "Raiders of the Lost Architecture: Kernels for
        Bayesian Optimization in Conditional Parameter Spaces".

    Args:
        space: The `SearchSpace` of the genomes.
        genomes: Float array of shape `(n, num_genes)`.
        expressed: Bool array of shape `(n, num_genes)`.

    Returns:
        Tuple of the points, a float array of shape `(n, num_coordinates)`,
        and the feature of each coordinate, an int array. A feature has a
        length scale of its own: it is a gene, or a category that is counted.
    """
    if num_features_of(space) > WIDE:
        return _embed_many(space, genomes, expressed)
    widths = np.full(space.num_genes, 2)
    corners = {}
    for i in np.flatnonzero(space.is_categorical):
        corners[i] = _corners(genomes[:, i], expressed[:, i], space.sizes[i])
        widths[i] = corners[i].shape[1]
    features = np.repeat(np.arange(space.num_genes), widths).tolist()
    points = np.empty((len(genomes), len(features)))
    starts = np.cumsum(widths) - widths
    for i, block in corners.items():
        points[:, starts[i] : starts[i] + widths[i]] = block
    numeric = np.flatnonzero(~space.is_categorical)
    arcs = _arcs(genomes[:, numeric], expressed[:, numeric])
    points[:, starts[numeric]], points[:, starts[numeric] + 1] = arcs
    blocks = [points]
    num_features = space.num_genes
    for choice in space.repeated_choices:
        block = _counts(genomes, expressed, choice, space.sizes[choice[0]])
        blocks.append(block)
        features += range(num_features, num_features + block.shape[1])
        num_features += block.shape[1]
    return np.concatenate(blocks, axis=1), np.array(features, dtype=np.int64)


def num_features_of(space: SearchSpace) -> int:
    """Returns how many features `embed` makes of a space."""
    return space.num_genes + _num_counted(space)


def num_varied(space: SearchSpace) -> int:
    """Returns in how many of these features individuals can differ."""
    return int(space.is_tunable.sum()) + _num_counted(space)


def _num_counted(space: SearchSpace) -> int:
    return sum(
        min(int(space.sizes[choice[0]]), MAX_CATEGORIES)
        for choice in space.repeated_choices
    )


def _embed_many(
    space: SearchSpace, genomes: np.ndarray, expressed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns points and features as `embed` does, for thousands of genes.

    The arcs are straight lines here, because sines take long. Genes with one
    value have no features, and neither have the counts of repeated choices.
    """
    numeric = np.flatnonzero(space.is_tunable & ~space.is_categorical)
    lines = np.where(
        expressed[:, numeric], 2.0 * genomes[:, numeric] - 1.0, 0.0
    )
    blocks, features = (
        [lines, ARC_RADIUS * expressed[:, numeric]],
        [numeric] * 2,
    )
    categorical = np.flatnonzero(space.is_tunable & space.is_categorical)
    for size in np.unique(space.sizes[categorical]):
        genes = categorical[space.sizes[categorical] == size]
        corners = _corners(genomes[:, genes], expressed[:, genes], size)
        features.append(np.repeat(genes, corners.shape[-1]))
        blocks.append(corners.reshape(len(genomes), -1))
    return np.concatenate(blocks, axis=1), np.concatenate(features)


def _corners(
    codes: np.ndarray, expressed: np.ndarray, size: float
) -> np.ndarray:
    """Returns the corners of a simplex, all of them one apart."""
    places, num_places = _places(codes, size)
    corners = np.eye(num_places + 1)
    return math.sqrt(0.5) * corners[np.where(expressed, places, num_places)]


def _counts(
    genomes: np.ndarray, expressed: np.ndarray, choice: np.ndarray, size: float
) -> np.ndarray:
    """Returns how many genes of a repeated choice express each category."""
    places, num_places = _places(genomes[:, choice], size)
    chosen = np.eye(num_places)[places] * expressed[:, choice, None]
    return chosen.sum(axis=1) / math.sqrt(len(choice))


def _places(codes: np.ndarray, size: float) -> tuple[np.ndarray, int]:
    """Returns the place of each code's category, and the number of places."""
    index = np.clip(codes * size, 0, size - 1).astype(np.int64)
    num_places = int(min(size, MAX_CATEGORIES))
    return index % num_places, num_places


def _arcs(
    codes: np.ndarray, expressed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns both coordinates of points of an arc, or of its center."""
    angles = codes - 0.5
    x = np.where(expressed, ARC_RADIUS * np.cos(angles), 0.0)
    return x, np.where(expressed, ARC_RADIUS * np.sin(angles), 0.0)


def same_distances(points: np.ndarray) -> np.ndarray:
    """Returns points with fewer coordinates and the same distances.

    Args:
        points: Float array of shape `(n, num_coordinates)`.

    Returns:
        Float array of shape `(n, n)` at most.
    """
    if points.shape[1] <= len(points):
        return points
    centered = points - points.mean(axis=0)
    squares, axes = np.linalg.eigh(centered @ centered.T)
    return axes * np.sqrt(np.maximum(squares, 0.0))


def squared_distances(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns the squared distances of two sets of points."""
    lengths = np.einsum("ij,ij->i", points, points)
    other_lengths = np.einsum("ij,ij->i", others, others)
    squared = points @ others.T
    squared *= -2.0
    squared += lengths[:, None]
    squared += other_lengths[None, :]
    return np.maximum(squared, 0.0, out=squared)


def matern(squared: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the Matern-5/2 correlation and its derivative.

    Reference:
        Rasmussen & Williams (2006), "Gaussian Processes for Machine
        Learning", eq. 4.17.

    Args:
        squared: Float array, squared distances in length scales.

    Returns:
        Tuple of two arrays of the same shape: the correlation, and its
        derivative with respect to the squared distance.
    """
    scaled = np.sqrt(5.0 * squared)
    decay = np.exp(-scaled)
    slope = (-5.0 / 6.0) * (1.0 + scaled) * decay
    return (1.0 + scaled + 5.0 / 3.0 * squared) * decay, slope


def correlations(
    points: np.ndarray,
    others: np.ndarray,
    features: np.ndarray,
    log_weights: np.ndarray,
) -> np.ndarray:
    """Returns the correlation of every pair of individuals.

    Args:
        points: Float array of shape `(n, num_coordinates)`, from `embed`.
        others: Float array of shape `(m, num_coordinates)`.
        features: Int array, the feature of each coordinate.
        log_weights: Float array of shape `(num_features,)`, the logarithms of
            the inverse squared length scales.

    Returns:
        Float array of shape `(n, m)`.
    """
    scales = np.exp(0.5 * log_weights)[features]
    return matern(squared_distances(points * scales, others * scales))[0]


def correlations_and_gradient(
    points: np.ndarray, features: np.ndarray, log_weights: np.ndarray
) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Returns the correlations, and the gradient of functions of them.

    Args:
        points: Float array of shape `(n, num_coordinates)`, from `embed`.
        features: Int array, the feature of each coordinate.
        log_weights: Float array of shape `(num_features,)`.

    Returns:
        Tuple of the symmetric correlations of shape `(n, n)`, and a function
        that takes the derivatives of a loss with respect to them, symmetric
        too, and returns those with respect to `log_weights`.
    """
    scaled = points * np.exp(0.5 * log_weights)[features]
    correlation, slope = matern(squared_distances(scaled, scaled))

    def pull_back(gradient: np.ndarray) -> np.ndarray:
        # The squared distance of a pair is the sum over its coordinates c of
        # (a_c - b_c)^2, and the derivative of that to its log weight itself.
        pairs = gradient * slope
        squares = np.einsum("i,ic,ic->c", pairs.sum(axis=1), scaled, scaled)
        products = np.einsum("ic,ic->c", pairs @ scaled, scaled)
        by_coordinate = 2.0 * (squares - products)
        return np.bincount(features, by_coordinate, minlength=len(log_weights))

    return correlation, pull_back
