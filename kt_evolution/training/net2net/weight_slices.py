"""Which part of an array a larger or smaller one takes, axis by axis."""

import dataclasses
from collections.abc import Collection
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Slice:
    """Where the entries of an axis come from.

    Args:
        source: Int array, for each entry its position in the other array, or
            -1 if it has none.
        scale: Float array, the factor of each entry.
    """

    source: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, source: np.ndarray) -> "Slice":
        """Returns a slice whose entries are taken as they are."""
        return cls(source, np.ones(len(source)))

    @classmethod
    def overlapping(cls, size: int, other: int) -> "Slice":
        """Returns the slice of the first entries that both arrays have."""
        source = np.arange(size)
        return cls.of(np.where(source < other, source, -1))

    @classmethod
    def centered(cls, size: int, other: int) -> "Slice":
        """Returns the slice of the entries around the center of both."""
        source = np.arange(size) + (other - 1) // 2 - (size - 1) // 2
        return cls.of(np.where((source >= 0) & (source < other), source, -1))

    @property
    def shared(self) -> "Slice":
        """The slice whose repeated entries have equal parts of their source.

        A sum over the axis stays as it was.
        """
        return Slice(self.source, self.scale / self.counts)

    @property
    def counts(self) -> np.ndarray:
        """Int array, how often the source of each entry is there."""
        found, place, counts = np.unique(
            self.source, return_inverse=True, return_counts=True
        )
        counts = np.where(found < 0, 1, counts)
        return counts[place]

    @property
    def copies(self) -> np.ndarray:
        """Bool array, which entries have the source of an earlier one."""
        first = np.unique(self.source, return_index=True)[1]
        is_copy = self.source >= 0
        is_copy[first] = False
        return is_copy

    @classmethod
    def joined(
        cls, slices: Sequence["Slice"], offsets: Sequence[int]
    ) -> "Slice":
        """Returns the slice of axes that are one after another.

        Args:
            slices: List of slices.
            offsets: List of ints, where the other array's part of each begins.
        """
        return cls(
            np.concatenate(
                [
                    np.where(one.source < 0, -1, one.source + offset)
                    for one, offset in zip(slices, offsets, strict=True)
                ]
            ),
            np.concatenate([one.scale for one in slices]),
        )


def take(
    fresh: np.ndarray,
    other: np.ndarray,
    slices: Sequence[Slice],
    zeroed: Collection[int] = (),
) -> tuple[np.ndarray, int]:
    """Returns an array with what it takes of another one.

    Args:
        fresh: The array whose entries without a source stay.
        other: The other array.
        slices: List of a `Slice` for each axis.
        zeroed: The axes along which entries without a source become 0 instead,
            if those of all other axes have one. Defaults to none.

    Returns:
        The array, and how many of its entries were taken.
    """
    taken = other
    is_taken = is_zero = np.ones((), dtype=bool)
    for axis, one in enumerate(slices):
        taken = np.take(taken, np.maximum(one.source, 0), axis=axis)
        shape = [1] * other.ndim
        shape[axis] = -1
        taken = taken * one.scale.reshape(shape)
        is_here = (one.source >= 0).reshape(shape)
        is_taken = is_taken & is_here
        is_zero = is_zero & (is_here | (axis in zeroed))
    is_taken = np.broadcast_to(is_taken, fresh.shape)
    whole = np.where(is_taken, taken, np.where(is_zero, 0, fresh))
    return whole.astype(fresh.dtype), int(is_taken.sum())
