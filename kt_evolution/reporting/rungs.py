"""How many trials each rung has of a search that pauses trials."""

import dataclasses

from kt_evolution.reporting.records import SearchRecord


@dataclasses.dataclass(frozen=True)
class RungCount:
    """The trials at a rung.

    Args:
        epochs: Int, after how many epochs they are compared.
        num_reached: Int, how many trials reached it; at the last rung how many
            are completed.
        num_paused: Int, how many are paused there now.
        num_promoted: Int, how many were paused there and trained on.
    """

    epochs: int
    num_reached: int
    num_paused: int
    num_promoted: int

    def __str__(self) -> str:
        trials = "trial" if self.num_reached == 1 else "trials"
        return f"{self.num_reached} {trials} at epoch {self.epochs}"


def rungs_of(search: SearchRecord) -> list[RungCount]:
    """Returns the rungs that trials of a search reached, ascending.

    It is empty if no trial was paused.
    """
    last = search.max_epochs
    if last is None:
        return []
    stops = {one.epochs for one in search.paused if one.epochs}
    stops |= {epochs for one in search.trials for epochs in one.promoted_at}
    stops |= {epochs for one in search.trials for epochs in one.scores}
    counts = [
        RungCount(
            epochs,
            sum(epochs in one.scores for one in search.trials),
            sum(one.epochs == epochs for one in search.paused),
            sum(epochs in one.promoted_at for one in search.trials),
        )
        for epochs in sorted(stops - {last})
    ]
    return [*counts, RungCount(last, len(search.completed), 0, 0)]
