"""What all trials share, pickled once for all worker processes.

Functions and classes of a notebook or of `__main__` are pickled by value.
Large arrays, wherever they are, are left out of the pickle. On one machine
they become files. Every process maps them into its memory, which therefore
holds them once.
"""

import io
import linecache
import pickle
import types
from collections import ChainMap
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cloudpickle
import keras
import numpy as np

from kt_evolution.callbacks import as_list
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.workers import mapped_arrays

FILE_NAME = "search.pickle"
# The arguments of `fit` with which there may be data of any kind.
DATA_ARGUMENTS = ("x", "y", "validation_data", "sample_weight")
# The parts of a tuner that a worker has of its own, or not at all.
OWN_PARTS = ("oracle", "_search_callbacks", "_workers")


def write(
    folder: Path, tuner: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> None:
    """Writes a search into a folder, for the workers of this machine.

    Args:
        folder: Path, an empty folder.
        tuner: The `EvolutionTuner`.
        args: Tuple, the positional arguments of `search`.
        kwargs: Dict, the others.

    Raises:
        TypeError: If a part can't be pickled. The message names it.
    """

    def put(number: int, array: np.ndarray) -> None:
        np.save(_path_of(folder, number), array)

    with (folder / FILE_NAME).open("wb") as file:
        dump(file, tuner, args, kwargs, put)


def read(
    folder: Path, own_parts: Callable[[Mapping[str, Any]], Mapping[str, Any]]
) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """Returns the tuner and the arguments of `search` that `write` has written.

    Args:
        folder: Path.
        own_parts: Function, see `load`.
    """

    def get(number: int) -> np.ndarray:
        return mapped_arrays.load(_path_of(folder, number))

    def as_data(model: Any, data: Any) -> Any:
        return mapped_arrays.for_keras(model, data, folder)

    with (folder / FILE_NAME).open("rb") as file:
        tuner, args, kwargs = load(file, get, own_parts)
    tuner._trainer.as_data = as_data
    return tuner, args, kwargs


def dump(
    file: Any,
    tuner: Any,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    put: Callable[[int, np.ndarray], None],
) -> None:
    """Writes a search for its workers, without its large arrays.

    Args:
        file: The file to write to.
        tuner: The `EvolutionTuner`.
        args: Tuple, the positional arguments of `search`.
        kwargs: Dict, the others.
        put: Function that takes the number of a large array, from 0, and the
            array.

    Raises:
        TypeError: If a part can't be pickled. The message names it.
    """
    settings = {
        "objective": tuner.oracle.objective,
        "max_trials": tuner.oracle.max_trials,
        "seed": tuner.oracle.seed,
        "verbose": tuner.oracle.verbose,
        "dtype_policy": keras.config.dtype_policy(),
        "floatx": keras.config.floatx(),
        "image_data_format": keras.config.image_data_format(),
    }
    try:
        cloudpickle.dump(settings, file)
        _Pickler(file, tuner, put).dump((tuner, args, dict(kwargs)))
    except OSError:
        # The disk may be full.
        raise
    except Exception as error:
        # Objects raise errors of any class.
        _raise_for_part(tuner, args, kwargs)
        raise TypeError(
            "The search can't be sent to its worker processes, because a part "
            f"of it can't be pickled: {error!r}"
        ) from error


def load(
    file: Any,
    get: Callable[[int], np.ndarray],
    own_parts: Callable[[Mapping[str, Any]], Mapping[str, Any]],
) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """Returns the tuner and the arguments of `search` that `dump` has written.

    Keras is configured as it is in the process of the search.

    Args:
        file: The file to read from.
        get: Function of the number of a large array, which returns it.
        own_parts: Function of the settings of the search, which returns a dict
            of `OWN_PARTS` and "display" to those of the worker.
    """
    settings = pickle.load(file)
    keras.config.set_floatx(settings["floatx"])
    keras.config.set_image_data_format(settings["image_data_format"])
    keras.config.set_dtype_policy(settings["dtype_policy"])
    tuner, args, kwargs = _Unpickler(file, get, own_parts(settings)).load()
    return tuner, args, kwargs


def _reduce_code(code: types.CodeType) -> tuple[Any, ...]:
    """Pickles code together with its file, which cloudpickle leaves out.

    So a traceback from a worker has the lines of a script or a notebook, whose
    cells are no files.
    """
    new, args = cloudpickle.Pickler.dispatch_table[types.CodeType](code)
    lines = linecache.getlines(code.co_filename)
    return _code, (new, args, code.co_filename, lines)


def _code(
    new: Callable[..., types.CodeType],
    args: tuple[Any, ...],
    filename: str,
    lines: list[str],
) -> types.CodeType:
    """Returns code that `_reduce_code` has pickled."""
    # Without a time the lines are not compared with the file.
    linecache.cache[filename] = (0, None, lines, filename)
    return new(*args).replace(co_filename=filename)


class _Pickler(cloudpickle.Pickler):
    """Pickles a search without what its workers have of their own.

    Args:
        file: The file to write to.
        tuner: The `EvolutionTuner`.
        put: Function, see `dump`, or None to leave the arrays out.
    """

    dispatch_table = ChainMap(
        {types.CodeType: _reduce_code}, cloudpickle.Pickler.dispatch_table
    )

    def __init__(
        self,
        file: Any,
        tuner: Any,
        put: Callable[[int, np.ndarray], None] | None,
    ) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self._own = {id(getattr(tuner, name)): name for name in OWN_PARTS}
        self._own.pop(id(None), None)
        self._own[id(tuner.oracle._display)] = "display"
        if put is None:
            # A part that refers to the tuner is not all of it.
            self._own[id(tuner)] = "tuner"
        self._put = put
        # The arrays are kept alive, because their ids are their names here.
        self._arrays: dict[int, tuple[int, np.ndarray]] = {}

    def persistent_id(self, thing: Any) -> Any:
        name = self._own.get(id(thing))
        if name is not None:
            return name
        if type(thing) not in (np.ndarray, np.memmap):
            return None
        # Smaller arrays are pickled.
        is_large = mapped_arrays.is_large(thing)
        return self._number_of(thing) if is_large else None

    def _number_of(self, array: np.ndarray) -> int:
        """Returns the number of an array."""
        if id(array) not in self._arrays:
            number = len(self._arrays)
            if self._put is not None:
                self._put(number, array)
            self._arrays[id(array)] = number, array
        return self._arrays[id(array)][0]


class _Unpickler(pickle.Unpickler):
    """Reads what `_Pickler` has written.

    Args:
        file: The file.
        get: Function, see `load`.
        own_parts: Dict of names to the parts that the worker has of its own.
    """

    def __init__(
        self,
        file: Any,
        get: Callable[[int], np.ndarray],
        own_parts: Mapping[str, Any],
    ) -> None:
        super().__init__(file)
        self._get = get
        self._own_parts = own_parts
        self._arrays: dict[int, np.ndarray] = {}

    def persistent_load(self, name: Any) -> Any:
        if isinstance(name, str):
            return self._own_parts.get(name)
        if name not in self._arrays:
            self._arrays[name] = self._get(name)
        return self._arrays[name]


def _path_of(folder: Path, number: int) -> Path:
    return folder / f"array_{number}.npy"


# What can't be pickled.


def _raise_for_part(
    tuner: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> None:
    """Raises for the first part of a search that can't be pickled, if any."""
    for name, value, advice in _parts(tuner, args, kwargs):
        try:
            _Pickler(io.BytesIO(), tuner, None).dump(value)
        except Exception as error:
            # The tracebacks of the attempts would hide the advice.
            raise TypeError(
                f"{name} must be something that can be pickled, because "
                f"`workers` are other processes. {advice} Received: an object "
                f"of type {type(value).__name__}, which raised {error!r}"
            ) from None


def _parts(
    tuner: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Iterator[tuple[str, Any, str]]:
    """Yields the name of each part of a search, the part, and advice."""
    load = (
        "Give `search` a function that returns the data, which runs once in "
        "each worker: `tuner.search(load_data, epochs=10)` with "
        '`def load_data(): return {"x": ..., "validation_data": ...}`.'
    )
    arguments = private_api.fit_arguments(args, kwargs)
    for number, callback in enumerate(
        as_list(arguments.pop("callbacks", None))
    ):
        yield (
            f"`callbacks[{number}]` of `search`",
            callback,
            "Let it open files and connections in `on_train_begin`.",
        )
    for name, value in arguments.items():
        yield (
            f"`{name}` of `search`",
            value,
            load if name in DATA_ARGUMENTS else "Leave it out.",
        )
    yield (
        "`hypermodel`",
        tuner.hypermodel,
        "Let it create such objects in `build`.",
    )
    for name, value in vars(tuner).items():
        if name not in OWN_PARTS:
            yield (
                f"The attribute `{name}` of the tuner",
                value,
                "Let the tuner create it in `run_trial`.",
            )
