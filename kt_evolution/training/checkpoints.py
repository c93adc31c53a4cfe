"""The weights of a trial: saved at the best epoch, loaded into a new model.

A subclassed model creates its variables when it is first called, so a new one
has none. Keras can build it by shapes alone only if its `call` takes one
float tensor, and otherwise layers that are not built are skipped silently. So
the shapes of each layer are stored with the weights, and each layer is built
by its own.
"""

import contextlib
import json
import math
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import keras

from kt_evolution import files
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.keras_tuner_bridge.divergence import diverged_losses
from kt_evolution.keras_tuner_bridge.objectives import names_of
from kt_evolution.keras_tuner_bridge.scalars import as_numbers
from kt_evolution.project.journal import JournalError
from kt_evolution.project.journal import write_atomically
from kt_evolution.training.disk import writing
from kt_evolution.user_warnings import ignored_warnings
from kt_evolution.user_warnings import warn_user

# The key of the shapes of layers, beside what the host writes of the model.
LAYERS = "built_layers"


class SaveMeasuredEpochs(keras.callbacks.Callback):
    """Keeps the weights of the epoch that the metrics of a trial are from.

    The host's checkpoint saves every epoch that has no objective, and so
    overwrites the best one with `validation_freq=2`. It saves epochs whose
    loss is NaN, and it compares arrays. It can't save a model that was never
    called as a whole, such as a GAN whose `train_step` calls its networks. It
    writes the file in place, so that a kill leaves a part of it.

    Args:
        checkpoint: The host's callback that saves the best epoch.
        constants: Strings, metrics that are the same in each epoch and known
            only after the last.
    """

    def __init__(self, checkpoint: Any, constants: Collection[str]) -> None:
        super().__init__()
        self.checkpoint = checkpoint
        if set(names_of(checkpoint.objective)) <= set(constants):
            # All epochs are equal, and the last one is that of the metrics.
            constants = ()
        self._constants = dict.fromkeys(constants, 0.0)
        path = Path(checkpoint.filepath)
        self._new = path.with_name(f".{path.name}")

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        # Left by a process that was killed while it wrote.
        with writing(self._new):
            self._new.unlink(missing_ok=True)
        self.checkpoint.set_model(model)

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        logs = {**self._constants, **as_numbers(logs)}
        if diverged_losses(logs):
            return
        has_best = math.isfinite(self.checkpoint.best_value)
        if has_best and not self.checkpoint.objective.has_value(logs):
            return
        # By now its layers have all their variables.
        self.model.built = True
        path = self.checkpoint.filepath
        self.checkpoint.filepath = str(self._new)
        try:
            with writing(Path(path)):
                self.checkpoint.on_epoch_end(epoch, logs)
                if self._new.is_file():
                    os.replace(self._new, path)
        except Exception:
            # A part of the file takes room, of which there may be too little.
            with contextlib.suppress(OSError):
                self._new.unlink(missing_ok=True)
            raise
        finally:
            self.checkpoint.filepath = path


def save_build_config(model: Any, path: Path) -> None:
    """Writes what `load_checkpoint` needs to build a model again.

    The training is over, and must not be lost for this file: a warning says
    what is missing if it can't be written.

    Args:
        model: The Keras model, after its training.
        path: The file.
    """
    try:
        write_atomically(path, json.dumps(build_config_of(model)))
    except JournalError as error:
        warn_user(
            f"{error} Without this file the weights of the trial can't be "
            "loaded into a model that makes its variables at its first call."
        )


def build_config_of(model: Any) -> dict[str, Any]:
    """Returns what `build_like` needs to build a model again."""
    return {**(_config_of(model) or {}), LAYERS: _describe(model, set())}


def build_like(model: Any, config: dict[str, Any]) -> None:
    """Makes the variables of a model that Keras makes at the first batch.

    Args:
        model: The Keras model, as the hypermodel built it.
        config: Dict, by `build_config_of` a model that was trained.

    Raises:
        CheckpointError: If it is another model.
    """
    if not private_api.is_built_throughout(model):
        _build(model, config)


def _describe(layer: Any, seen: set[int]) -> dict[str, Any] | None:
    """Returns the shapes with which a layer and its inner ones were built."""
    if id(layer) in seen:
        return None
    seen.add(id(layer))
    return {
        "built": layer.built,
        "config": _config_of(layer),
        "layers": [
            _describe(inner, seen) for inner in private_api.layers_inside(layer)
        ],
    }


def _config_of(layer: Any) -> Any:
    # A custom layer may raise, or return values that JSON can't hold. The
    # model is trained by now, and must not be lost for this file.
    with contextlib.suppress(Exception):
        text = json.dumps(layer.get_build_config(), default=_of_numpy)
        return json.loads(text)
    return None


def _of_numpy(value: Any) -> Any:
    return value.item()


class CheckpointError(ValueError):
    """The model of a trial can't be restored."""


def load_checkpoint(model: Any, weights: Path, build_config: Path) -> None:
    """Builds a model as it was in training, and loads its weights.

    Args:
        model: The Keras model, as the hypermodel built it.
        weights: The path of the file with the weights.
        build_config: The path of the file that `save_build_config` wrote.

    Raises:
        CheckpointError: If a file is damaged, or if the model is not the one
            that was trained.
    """
    if weights.stat().st_size == 0:
        raise CheckpointError("the file is empty")
    with ignored_warnings(
        # A layer that stays unbuilt raises an error with the reason.
        "Model .* had a build config",
        ".*was called on layer",
        # The optimizer of the new model has no variables yet.
        "Skipping variable loading",
    ):
        if not private_api.is_built_throughout(model):
            build_like(model, _read(build_config))
        _load_weights(model, weights)


def _read(build_config: Path) -> dict[str, Any]:
    """Returns how the layers of a model were built."""
    try:
        config = files.parse_json(build_config.read_bytes())
    except (OSError, ValueError) as error:
        raise CheckpointError(
            "the shapes with which the model was built can't be read from "
            f"{build_config}: {error}"
        ) from error
    return config if isinstance(config, dict) else {}


def _build(model: Any, config: dict[str, Any]) -> None:
    try:
        if LAYERS in config:
            _build_layer(model, config[LAYERS], set())
            return
        # The host wrote the file, so Keras can only run `call`.
        model.build_from_config(config)
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError(
            f"the model can't be built as it was in training: {error!r}"
        ) from error
    if not all(
        map(private_api.is_built_throughout, private_api.layers_inside(model))
    ):
        raise CheckpointError("the shapes of the model's inputs are not known")
    # `build_from_config` does not set it.
    model.built = True


def _build_layer(
    layer: Any, record: dict[str, Any] | None, seen: set[int]
) -> None:
    """Builds a layer and the layers inside with the shapes of its record."""
    if record is None or id(layer) in seen:
        return
    seen.add(id(layer))
    shapes = _with_tuples(record["config"]) or {}
    if record["built"] and not layer.built and _makes_variables(layer):
        layer.build_from_config(shapes)
    records = record["layers"]
    if len(private_api.layers_inside(layer)) != len(records):
        # `call`, which Keras runs here, makes the missing layers.
        layer.build_from_config(shapes)
    inside = private_api.layers_inside(layer)
    if len(inside) != len(records):
        raise CheckpointError(
            f"{layer.name!r} consisted of {len(records)} layers in training, "
            f"and of {len(inside)} now"
        )
    for each, its_record in zip(inside, records, strict=True):
        _build_layer(each, its_record, seen)
    if record["built"] and not layer.built:
        layer.build(shapes.get("input_shape"))


def _makes_variables(layer: Any) -> bool:
    """Returns whether a layer has more to build than the layers inside."""
    kind = type(layer)
    return kind.build is not keras.Layer.build or (
        kind.build_from_config
        not in (keras.Layer.build_from_config, keras.Model.build_from_config)
    )


def _with_tuples(config: Any) -> Any:
    """Returns a build config with the tuples that JSON has made lists."""
    if isinstance(config, dict):
        return {name: _with_tuples(value) for name, value in config.items()}
    if not isinstance(config, list):
        return config
    if all(size is None or isinstance(size, int) for size in config):
        return tuple(config)
    return [_with_tuples(value) for value in config]


def _load_weights(model: Any, path: Path) -> None:
    try:
        model.load_weights(path)
    except OSError as error:
        raise CheckpointError(f"the file is damaged: {error}") from error
    except Exception as error:
        raise CheckpointError(
            "the file is damaged, or the hypermodel builds another model than "
            f"it did: {error}"
        ) from error
