"""Models that are trained once, for all the time of a race.

The learning rate of images follows the time: it rises over the first
twentieth, and falls to 0 at the end along a cosine (Li et al. 2020, "Budgeted
training: rethinking deep neural network training under resource constraints").
"""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable
from typing import Any

import keras
import keras_tuner as kt
from keras import layers

from benchmarks.nas_tasks import Data
from benchmarks.nas_tasks import Task
from benchmarks.timed_tasks import BATCH_SIZE
from benchmarks.timed_watch import Watch
from kt_evolution.nas.blocks.schedules import cosine

WARM_UP = 0.05
# Seconds that count as one step of the schedule.
STEP = 1e-3
# Of He et al. (2016): the channels of the stages, and the blocks of each.
CHANNELS = (16, 32, 64)
BLOCKS = 3
PADDING = 1 / 8
WEIGHT_DECAY = 1e-4
LEARNING_RATE = 0.1


class CosineOfTime(keras.callbacks.LearningRateScheduler):
    """Sets the learning rate by the part of the time that is over.

    A ready space sets no schedule of its own beside this callback.

    Args:
        watch: The `Watch` of the race.
    """

    def __init__(self, watch: Watch) -> None:
        super().__init__(lambda epoch, rate: rate)
        self._watch = watch

    def on_train_begin(self, logs: Any = None) -> None:
        largest = float(self.model.optimizer.learning_rate)
        steps = round(self._watch.budget / STEP)
        self._schedule = cosine(largest, steps, WARM_UP)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        rate = self._schedule(self._watch.seconds / STEP)
        self.model.optimizer.learning_rate = float(rate)


def default(
    task: Task, data: Data, watch: Watch, seed: int, folder: pathlib.Path
) -> None:
    """Trains the model of the space's default values."""
    space, hp = task.space(data), kt.HyperParameters()
    model = getattr(space, "build", space)(hp)
    # A space that is a function is fitted as Keras Tuner does it.
    fit = getattr(space, "fit", kt.HyperModel().fit)
    _train(task, data, watch, model, functools.partial(fit, hp, model))


def residual_network(task: Task, data: Data, watch: Watch) -> None:
    """Trains ResNet-20, the small residual network of He et al. (2016).

    It is trained as there, but with batches of the race and a cosine schedule.
    """
    model = resnet20(data)
    model.compile(
        keras.optimizers.SGD(LEARNING_RATE, momentum=0.9),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    _train(task, data, watch, model, model.fit)


def resnet20(data: Data) -> keras.Model:
    """Returns ResNet-20 with shifted images; those of color are mirrored."""
    inputs = keras.Input(data.input_shape)
    height, width, colors = data.input_shape
    standardize = layers.Normalization()
    standardize.adapt(data.train[0])
    x = standardize(inputs)
    if colors == 3:
        x = layers.RandomFlip("horizontal")(x)
    padding = round(height * PADDING), round(width * PADDING)
    x = layers.ZeroPadding2D(padding)(x)
    x = layers.RandomCrop(height, width)(x)
    x = layers.ReLU()(_convolved(x, CHANNELS[0]))
    for channels in CHANNELS:
        for block in range(BLOCKS):
            halves = block == 0 and channels > CHANNELS[0]
            strides = 2 if halves else 1
            y = layers.ReLU()(_convolved(x, channels, strides=strides))
            y = _convolved(y, channels)
            if halves:
                x = _convolved(x, channels, kernel_size=1, strides=2)
            x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(
        inputs, layers.Dense(data.num_classes, activation="softmax")(x)
    )


def _convolved(
    x: Any, channels: int, kernel_size: int = 3, strides: int = 1
) -> Any:
    x = layers.Conv2D(
        channels,
        kernel_size,
        strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        kernel_regularizer=keras.regularizers.L2(WEIGHT_DECAY),
    )(x)
    return layers.BatchNormalization(momentum=0.9)(x)


def _train(
    task: Task,
    data: Data,
    watch: Watch,
    model: keras.Model,
    fit: Callable[..., Any],
) -> None:
    note = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: watch.on_epoch_end(model, logs)
    )
    schedules = [CosineOfTime(watch)] if task.kind == "images" else []
    # The watch ends it.
    fit(
        *data.train,
        validation_data=data.validation,
        epochs=10**9,
        batch_size=BATCH_SIZE,
        callbacks=[*schedules, note],
        verbose=0,
    )
