"""A surrogate that a user might write: `surrogate=NearestNeighbor()`."""

import numpy as np


class NearestNeighbor:
    """Expects the score of the nearest known individual, surer when near.

    Args:
        noise: Float, the least standard deviation. Defaults to 0.01.
    """

    def __init__(self, noise=0.01):
        self.noise = noise
        # What it was asked, for the test; it learns nothing from that.
        self.asked = []
        self.pending = []
        self.predicted = []

    def fit(self, space, genomes, expressed, scores, noise_variance=None):
        self.asked.append((genomes.copy(), expressed.copy(), scores.copy()))
        return NearestNeighborPosterior(
            _visible(genomes, expressed), scores, self
        )


class NearestNeighborPosterior:
    def __init__(self, points, scores, surrogate):
        self.points = points
        self.scores = scores
        self.surrogate = surrogate
        self.best = float(scores.min())

    def predict(self, genomes, expressed):
        points = _visible(genomes, expressed)
        self.surrogate.predicted.extend(points.tolist())
        distances = np.abs(points[:, None] - self.points[None]).sum(axis=2)
        nearest = distances.argmin(axis=1)
        std = distances.min(axis=1) + self.surrogate.noise
        return self.scores[nearest], std

    def condition_on(self, genomes, expressed):
        self.surrogate.pending.append(genomes.copy())
        expected, _ = self.predict(genomes, expressed)
        return NearestNeighborPosterior(
            np.concatenate([self.points, _visible(genomes, expressed)]),
            np.concatenate([self.scores, expected]),
            self.surrogate,
        )


def _visible(genomes, expressed):
    return np.where(expressed, genomes, -1.0)
