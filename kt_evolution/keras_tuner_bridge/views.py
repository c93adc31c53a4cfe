"""Attributes of the host's oracle that show the state of a search."""

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
