"""Recording: which hyperparameters a build or a training requests."""

from collections.abc import Iterator
from typing import Any
from typing import Self

import keras_tuner as kt

from kt_evolution.algorithm.space.genes import Value
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.keras_tuner_bridge.encoding import key_of


class RecordingHyperParameters(private_api.HyperParameters):
    """A `HyperParameters` that records what is requested of it.

    Attributes:
        requested: Dict whose keys are the keys of active genes that were
            requested, in the order of their first request.
    """

    def __init__(self) -> None:
        super().__init__()
        self.requested: dict[str, None] = {}

    def copy(self) -> Self:
        clone = type(self)()
        private_api.share_space(self, self.values, into=clone)
        # A hypermodel with `tunable=False` is built with a copy.
        clone.requested = self.requested
        return clone

    def get(self, name: str) -> Any:
        value = super().get(name)
        self._note(self._get_name(name))
        return value

    def _note(self, name: str) -> None:
        """Records a request of a hyperparameter, if it is active."""
        for hp in self._hps.get(name, ()):
            if self.is_active(hp):
                self._record(hp)

    def _record(self, hp: Any) -> None:
        self.requested[key_of(hp)] = None

    def _retrieve(self, hp: Any) -> Any:
        value = super()._retrieve(hp)
        if self.is_active(hp):
            self._record(self._known(hp) or self._hps[hp.name][-1])
        return value

    def _known(self, declared: Any) -> Any:
        """Returns the hyperparameter of the space for a declaration."""
        for known in self._hps[declared.name]:
            if known.conditions == declared.conditions:
                return known
        return None


class TrialHyperParameters(RecordingHyperParameters):
    """The hyperparameters of a trial that is trained.

    The user's code may also read `values`. A name that is read there counts as
    requested. So does each parent on which it depends whether a requested
    hyperparameter is active. Who reads all values, as `dict(hp.values)` does,
    or sends them to another process, requests all of them.

    Attributes:
        is_recording: Bool, whether what is read counts as requested.
    """

    is_recording = True

    @classmethod
    def of(cls, hyperparameters: kt.HyperParameters) -> "TrialHyperParameters":
        """Returns a container of the same space and values that records."""
        clone = cls()
        private_api.share_space(
            hyperparameters, hyperparameters.values, into=clone
        )
        return clone

    @property
    def values(self) -> "_Values":
        """Dict of the names of active hyperparameters to their values."""
        return self._values

    @values.setter
    def values(self, values: dict[str, Value]) -> None:
        self._values = _Values(private_api.unrecorded(values))
        self._values.owner = self

    def _record(self, hp: Any) -> None:
        if self.is_recording:
            super()._record(hp)

    def __copy__(self) -> Self:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.copy()

    def __reduce__(self) -> Any:
        # Another process can't report what it requests.
        return kt.HyperParameters.from_config, (self.get_config(),)


def plain(hyperparameters: kt.HyperParameters) -> kt.HyperParameters:
    """Returns hyperparameters that record nothing any more."""
    if not isinstance(hyperparameters, TrialHyperParameters):
        return hyperparameters
    return private_api.share_space(hyperparameters, hyperparameters.values)


class _Values(dict[str, Any]):
    """The values of a trial, which record what is read."""

    owner: TrialHyperParameters

    def _note(self, name: Any) -> None:
        self.owner._note(name)

    def _note_all(self) -> None:
        for hp in self.owner.space:
            self.owner._note(hp.name)

    def __getitem__(self, name: str) -> Any:
        self._note(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self._note(name)
        return super().get(name, default)

    def pop(self, name: str, *default: Any) -> Any:
        self._note(name)
        return super().pop(name, *default)

    def setdefault(self, name: str, default: Any = None) -> Any:
        self._note(name)
        return super().setdefault(name, default)

    def __contains__(self, name: object) -> bool:
        self._note(name)
        return super().__contains__(name)

    def __iter__(self) -> Iterator[str]:
        self._note_all()
        return super().__iter__()

    def __eq__(self, other: object) -> bool:
        self._note_all()
        return super().__eq__(other)

    def keys(self) -> Any:
        self._note_all()
        return super().keys()

    def values(self) -> Any:
        self._note_all()
        return super().values()

    def items(self) -> Any:
        self._note_all()
        return super().items()

    def copy(self) -> dict[str, Any]:
        return dict(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        return dict(self)

    def __reduce__(self) -> Any:
        return dict, (dict(self),)
