"""Arrays in files, which every worker process maps into its memory.

Keras copies the arrays that `fit` gets into tensors of TensorFlow, once per
`fit`, and casts those of another precision. With several processes each would
have its own copy. Here Keras gets the same arrays as a subclass of
`numpy.ndarray`, which TensorFlow asks for its tensor: the tensor has the memory
of the array. Where the memory can't be that of a tensor, because of its
alignment, its order or its precision, the part is written to a file, and all
workers map that.
"""

import contextlib
import hashlib
import mmap
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

# TensorFlow reads memory in vectors of so many bytes.
ALIGNMENT = 64
# Smaller arrays are not worth a file, in bytes.
MIN_SIZE = 2**20
# Bytes that are written at a time.
CHUNK = 2**24


def is_large(array: np.ndarray) -> bool:
    """Returns whether an array is of numbers, and worth a file."""
    return (
        array.nbytes >= MIN_SIZE
        and array.dtype.isbuiltin == 1
        and not array.dtype.hasobject
    )


def load(path: Path) -> np.ndarray:
    """Returns an array whose memory is a file.

    What a process changes stays in its own memory.
    """
    return np.load(path, mmap_mode="c").view(np.ndarray)


def for_keras(model: Any, data: Any, folder: Path) -> Any:
    """Returns data of `fit` with which TensorFlow copies no mapped array.

    Args:
        model: The model. A `fit` of its own gets arrays of NumPy.
        data: Structure of the arguments of `fit`.
        folder: Path, for further files.
    """
    is_keras = type(model).fit is keras.Model.fit
    if keras.backend.backend() != "tensorflow" or not is_keras:
        return data

    def view(thing: Any) -> Any:
        if type(thing) not in (np.ndarray, np.memmap) or not is_large(thing):
            return thing
        if _file_of(thing) is None:
            return thing
        array = thing.view(MappedArray)
        array.folder = folder
        return array

    return _map_structure(view, data)


def _map_structure(function: Callable[[Any], Any], data: Any) -> Any:
    """Applies a function to what is in tuples, lists and dicts.

    Subclasses of them stay as they are, and so does what Keras's own function
    would take for a structure, such as a callback.
    """
    if type(data) in (tuple, list):
        return type(data)(_map_structure(function, one) for one in data)
    if type(data) is dict:
        return {k: _map_structure(function, one) for k, one in data.items()}
    return function(data)


class MappedArray(np.ndarray):
    """An array in a file, as Keras gets it.

    Attributes:
        folder: Path, for files of parts and of casts of the array.
    """

    folder: Path

    def __array_finalize__(self, source: Any) -> None:
        if isinstance(source, MappedArray):
            self.folder = source.folder

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> np.ndarray:
        """Returns the array in another precision, from a file of all workers.

        Keras calls it without further arguments.
        """
        is_plain = not args and not kwargs
        if is_plain and is_large(self) and np.dtype(dtype) != self.dtype:
            stored = self._stored(np.dtype(dtype))
            if stored is not None:
                return stored
        return super().astype(dtype, *args, **kwargs)

    def __tf_tensor__(self, dtype: Any = None, name: Any = None) -> Any:
        """Returns the tensor of TensorFlow, with the memory of the array."""
        import tensorflow as tf

        array = self._as_tensor_memory() if is_large(self) else None
        if array is not None and dtype in (None, array.dtype):
            # Not every precision can be exchanged.
            with contextlib.suppress(BufferError, TypeError, ValueError):
                return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
        return tf.convert_to_tensor(np.asarray(self), dtype, name=name)

    def _as_tensor_memory(self) -> "MappedArray | None":
        """Returns the array where a tensor can have its memory, or None."""
        is_aligned = self.ctypes.data % ALIGNMENT == 0
        if is_aligned and self.flags.c_contiguous and self.flags.writeable:
            return self if _file_of(self) is not None else None
        return self._stored(self.dtype)

    def _stored(self, dtype: np.dtype) -> "MappedArray | None":
        """Returns a copy of the array from a file, written if it is not there.

        Args:
            dtype: The precision of the copy.

        Returns:
            Array, or None if this one is in no file, or the disk is full.
        """
        file = _file_of(self)
        if file is None:
            return None
        place = (*file, self.shape, self.strides, self.dtype.str, dtype.str)
        name = hashlib.sha256(repr(place).encode()).hexdigest()
        path = self.folder / f"{name}.npy"
        if not path.exists():
            try:
                _save_once(path, self, dtype)
            except OSError:
                return None
        array = load(path).view(MappedArray)
        array.folder = self.folder
        return array


def _file_of(array: np.ndarray) -> tuple[str, int] | None:
    """Returns the file that an array is in, and at which byte, or None."""
    base: Any = array
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    if not isinstance(base, np.memmap) or base.filename is None:
        return None
    # The result of a computation with it has none.
    memory = getattr(base, "_mmap", None)
    if memory is None:
        return None
    start = np.frombuffer(memory, np.uint8).ctypes.data
    granularity = mmap.ALLOCATIONGRANULARITY
    first = base.offset - base.offset % granularity
    return str(base.filename), first + array.ctypes.data - start


def _save_once(path: Path, array: np.ndarray, dtype: np.dtype) -> None:
    """Writes an array to a file, unless another process is faster.

    All processes have to map the same file, so none is replaced.

    Args:
        path: Path of the file.
        array: The array.
        dtype: The precision in which it is written.
    """
    own = path.with_suffix(f".{os.getpid()}")
    rows = max(CHUNK * len(array) // max(array.nbytes, 1), 1)
    try:
        with own.open("wb") as file:
            header = {
                "descr": np.lib.format.dtype_to_descr(dtype),
                "fortran_order": False,
                "shape": array.shape,
            }
            np.lib.format.write_array_header_1_0(file, header)
            for start in range(0, len(array), rows):
                part = np.asarray(array[start : start + rows])
                np.ascontiguousarray(part, dtype).tofile(file)
        with contextlib.suppress(FileExistsError):
            os.link(own, path)
    finally:
        own.unlink(missing_ok=True)
