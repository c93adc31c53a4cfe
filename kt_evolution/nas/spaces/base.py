"""What all ready spaces have in common: head, training, checks."""

import abc
from collections.abc import Sequence
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
from keras import layers

from kt_evolution.algorithm.checks import check_count
from kt_evolution.nas.blocks.layers import drop
from kt_evolution.nas.blocks.layers import full_precision
from kt_evolution.nas.blocks.layers import pool
from kt_evolution.nas.blocks.optimiser import OPTIMISERS
from kt_evolution.nas.blocks.optimiser import Optimiser
from kt_evolution.nas.genes import choose
from kt_evolution.nas.genes import first_of
from kt_evolution.nas.spaces.arguments import check_search
from kt_evolution.nas.spaces.arguments import check_targets
from kt_evolution.nas.spaces.arguments import check_task
from kt_evolution.nas.spaces.data import as_array
from kt_evolution.nas.spaces.data import check_batches
from kt_evolution.nas.spaces.data import check_finite
from kt_evolution.nas.spaces.data import check_inputs
from kt_evolution.nas.spaces.data import check_labels
from kt_evolution.nas.spaces.data import check_numbers
from kt_evolution.nas.spaces.data import check_pairs
from kt_evolution.nas.spaces.data import samples_and_labels
from kt_evolution.nas.spaces.smoothing import LOSS
from kt_evolution.nas.spaces.smoothing import smoothed_labels
from kt_evolution.nas.spaces.tracing import create_training_state
from kt_evolution.nas.structure import Site
from kt_evolution.nas.structure import begin
from kt_evolution.nas.structure import remember_space


class ReadySpace(kt.HyperModel, abc.ABC):
    """A space of whole networks, from the input to the optimiser.

    Classification takes integer labels and has the metric "accuracy";
    regression takes numbers and has the metric "mae".

    Args:
        num_classes: Int, for classification.
        num_outputs: Int, for regression. Defaults to 1.
        task: "classification" or "regression".
        max_depth: Int, how many units a stage has at most.
        width: Int, how many channels or units the first stage has by default.
        search: String or several, the groups of genes that are searched.
        steps: Int, in how many batches a model is trained, for the learning
            rate's schedule. Defaults to a constant learning rate.
        targets: Array of the targets of a regression, whose mean and scale the
            output gets. Defaults to outputs around 0.
        name: String, the name of the hypermodel.
        tunable: Boolean, as in `keras_tuner.HyperModel`.
    """

    # Of a sample; set by each space.
    input_shape: tuple[Any, ...]
    # Whether a number may be missing, which is NaN.
    takes_missing = False

    def __init__(
        self,
        num_classes: int | None,
        num_outputs: int | None,
        task: str,
        max_depth: int,
        width: int,
        search: str | Sequence[str],
        steps: int | None,
        targets: Any,
        name: str | None,
        tunable: bool,
    ) -> None:
        super().__init__(name=name, tunable=tunable)
        self.task = check_task(task, num_classes, num_outputs, targets)
        self.num_classes = None if num_classes is None else int(num_classes)
        self.num_outputs = int(num_outputs or 1)
        self.max_depth = check_count("max_depth", max_depth)
        self.width = check_count("width", width)
        self.search = check_search(search)
        self.steps = None if steps is None else check_count("steps", steps)
        self.targets = None
        if targets is not None:
            self.targets = check_targets(targets, self.num_outputs)
        remember_space(self)

    def build(self, hp: kt.HyperParameters) -> keras.Model:
        """Builds and compiles the model of some hyperparameters."""
        begin(hp)
        inputs = self.inputs()
        outputs = self.head(hp, self.body(hp, inputs))
        model = keras.Model(inputs, outputs)
        self.compile(hp, model)
        return model

    def fit(
        self,
        hp: kt.HyperParameters,
        model: keras.Model,
        x: Any = None,
        y: Any = None,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """Trains a model, with smoothed labels if it has the gene."""
        x, y = self.samples(x, "x"), as_array(y, "y")
        labels = self._check_data(model, ("x", "y"), x, y)
        if "sample_weight" in kwargs:
            weights = as_array(kwargs["sample_weight"], "sample_weight")
            kwargs["sample_weight"] = weights
        held_out = kwargs.get("validation_data")
        if isinstance(held_out, (list, tuple)) and len(held_out) > 1:
            x_held_out, y_held_out, *weights = held_out
            held_out = (
                self.samples(x_held_out, "validation_data[0]"),
                as_array(y_held_out, "validation_data[1]"),
                *(as_array(each, "validation_data[2]") for each in weights),
            )
            kwargs["validation_data"] = held_out
        names = ("validation_data[0]", "validation_data[1]")
        parts = held_out if isinstance(held_out, tuple) else (held_out,)
        self._check_data(model, names, *parts[:2])
        with smoothed_labels(model, self.label_smoothing(hp)):
            create_training_state(model, labels)
            return super().fit(hp, model, x, y, *args, **kwargs)

    def samples(self, x: Any, name: str) -> Any:
        """Returns samples as Keras takes them, and checks what they are.

        Args:
            x: What `fit` is given, also a data set or None.
            name: String, the argument, for an error.
        """
        x = as_array(self.only_input(x), name)
        check_numbers(x, name)
        if isinstance(x, np.ndarray) and not self.takes_missing:
            check_finite(x, name)
        return x

    def only_input(self, x: Any) -> Any:
        """Returns the samples out of a list of them for each input."""
        if isinstance(x, (list, tuple)) and len(x) == 1:
            # Or it is a list of one sample.
            (first,) = x
            if len(getattr(first, "shape", ())) > len(self.input_shape):
                return first
        return x

    @abc.abstractmethod
    def inputs(self) -> Any:
        """Returns the model's inputs."""

    @abc.abstractmethod
    def body(self, hp: kt.HyperParameters, inputs: Any) -> Any:
        """Returns the features of a sample, a vector or a map of them."""

    def head(self, hp: kt.HyperParameters, x: Any) -> Any:
        """Turns features into a prediction."""
        site = Site(hp, "head")
        texts = []
        with hp.name_scope("head"):
            if len(x.shape) > 2:
                poolings = self.choices("layers", "average", "max")
                pooling = choose(hp, "pooling", poolings)
                x = pool(site, x, pooling)
                texts.append(f"{pooling} pooling")
            rates = self.choices("regularisation", 0.2, 0.0, 0.1, 0.3, 0.5)
            rate = choose(hp, "dropout", rates)
        if rate:
            texts.append(f"dropout {rate:g}")
        x = drop(site, x, rate)
        if self.task == "classification":
            output = site.layer(layers.Dense, self.num_classes, name="logits")
            probabilities = site.layer(
                layers.Softmax, dtype=full_precision(), name="probabilities"
            )
            y = probabilities(output(x))
            texts.append(f"softmax over {self.num_classes} classes")
        else:
            output = site.layer(
                layers.Dense,
                self.num_outputs,
                dtype=full_precision(),
                name="outputs",
            )
            y = output(x)
            if self.targets is not None:
                y = self._scaled(site, y, self.targets)
            number = self.num_outputs
            texts.append(f"{number} output{'' if number == 1 else 's'}")
        return site.done(y, "head", ", ".join(texts))

    def compile(self, hp: kt.HyperParameters, model: keras.Model) -> None:
        """Gives a model its optimiser, loss and metrics."""
        optimiser = self._optimiser()(hp, "training")
        if self.task == "classification":
            self.label_smoothing(hp)
            model.compile(
                optimiser,
                LOSS,
                metrics=["accuracy"],
            )
        else:
            model.compile(optimiser, "mse", metrics=["mae"])

    def label_smoothing(self, hp: kt.HyperParameters) -> float:
        """Returns the part of each label that is spread over all classes."""
        if self.task == "regression":
            return 0.0
        rates = self.choices("regularisation", 0.0, 0.05, 0.1)
        with hp.name_scope("training"):
            return float(choose(hp, "label_smoothing", rates))

    def choices(
        self, group: str, default: Any, *others: Any
    ) -> tuple[Any, ...]:
        """Returns the default, and the others if their group is searched."""
        return (default, *others) if group in self.search else (default,)

    def depths(self, default: int = 2) -> tuple[int, ...]:
        """Returns how many units a stage may have, the default first."""
        default = min(default, self.max_depth)
        every = range(1, self.max_depth + 1)
        return self.choices("layers", *first_of(default, every))

    def widths(self, factor: int = 1) -> tuple[int, ...]:
        """Returns how many channels a stage may have, the default first."""
        width = self.width * factor
        others = (max(1, width // 2), max(1, 3 * width // 4), 3 * width // 2)
        every = first_of(width, (*others, 2 * width))
        return self.choices("layers", *every)

    def _check_data(
        self,
        model: keras.Model,
        names: tuple[str, str],
        x: Any = None,
        y: Any = None,
    ) -> Any:
        """Returns labels that fit, or one like those of a data set."""
        check_batches(x, model, names[0])
        check_pairs(x, y, names)
        x, y = samples_and_labels(x, y)
        check_inputs(x, model, names[0])
        check_labels(y, self.num_classes, self.num_outputs, names[1])
        return y

    def _optimiser(self) -> Optimiser:
        decay = None if "regularisation" in self.search else "default"
        if "training" in self.search:
            return Optimiser(weight_decay=decay, steps=self.steps)
        return Optimiser(
            "adamw",
            learning_rate=OPTIMISERS["adamw"].learning_rate[0],
            weight_decay=decay,
            schedule="cosine",
            warm_up=0.05,
            steps=self.steps,
        )

    def _scaled(self, site: Site, y: Any, targets: np.ndarray) -> Any:
        scale = site.layer(
            layers.Normalization,
            mean=targets.mean(axis=0),
            variance=targets.var(axis=0),
            invert=True,
            dtype=full_precision(),
            name="scale",
        )
        return scale(y)
