"""Attributes of the host's classes whose values are kept elsewhere."""

from typing import Any


class StateView:
    """An attribute that the host expects, read from `oracle._project.state`.

    Args:
        name: String, the attribute of the state. Defaults to its own name.
    """

    def __init__(self, name: str = "") -> None:
        self._name = name

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = self._name or name

    def __get__(self, oracle: Any, owner: type | None = None) -> Any:
        if oracle is None:
            return self
        return getattr(oracle._project.state, self._name)

    def __set__(self, oracle: Any, value: Any) -> None:
        """Does nothing, because the host's constructor sets empty values."""


class TunerId:
    """The id of a tuner, which names its file in the project.

    The host sets the id from the environment first, looks for the file to
    resume from, and only then takes the id that the user gave, which is
    `tuner._given_tuner_id` here.
    """

    def __get__(self, tuner: Any, owner: type | None = None) -> Any:
        if tuner is None:
            return self
        return tuner._given_tuner_id or tuner._tuner_id

    def __set__(self, tuner: Any, tuner_id: str) -> None:
        tuner._tuner_id = tuner_id
