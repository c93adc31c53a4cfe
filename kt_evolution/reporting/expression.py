"""Which values of a trial count: those that its model was made with."""

from kt_evolution.algorithm.space.genes import Value
from kt_evolution.project.reader import StoredProject
from kt_evolution.project.reader import StoredTrial


class Expression:
    """Separates dormant hyperparameters from those that count.

    A hyperparameter that no build ever asked for is one that training asks
    for, so it counts wherever it is active.

    Args:
        project: The `StoredProject`.
    """

    def __init__(self, project: StoredProject) -> None:
        self._names = {one.key: one.name for one in project.space.values()}
        asked: set[str] = set()
        for trial in project.trials:
            record = trial.record
            for one in (record, *record.get("rejected", ())):
                asked.update(one.get("expressed", ()))
            asked.update(record.get("asked", ()))
        for event in project.imports:
            asked.update(event.record.get("expressed", ()))
        self._built = {self._names.get(key, key) for key in asked}

    def counting_values(self, trial: StoredTrial) -> dict[str, Value]:
        """Returns the values of a trial without the dormant ones."""
        if trial.requested is not None:
            # Its training requested nothing else.
            expressed, built = trial.requested, set(self._names.values())
        elif "expressed" in trial.record:
            expressed, built = trial.record["expressed"], self._built
        else:
            return trial.values
        names = {self._names.get(key, key) for key in expressed}
        return {
            name: value
            for name, value in trial.values.items()
            if name in names or name not in built
        }
