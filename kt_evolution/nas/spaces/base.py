"""The base class of ready spaces: options, head, training, data checks."""

import abc
import dataclasses
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import ClassVar

import keras
import keras_tuner as kt
import numpy as np
from keras import layers

from kt_evolution.algorithm.checks import check_count
from kt_evolution.algorithm.checks import with_named_arguments
from kt_evolution.callbacks import as_list
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.nas.architecture import BlockScope
from kt_evolution.nas.architecture import begin_build
from kt_evolution.nas.blocks.layers import dropout
from kt_evolution.nas.blocks.layers import full_precision
from kt_evolution.nas.blocks.layers import pool
from kt_evolution.nas.blocks.optimizer import FIT
from kt_evolution.nas.blocks.optimizer import Optimizer
from kt_evolution.nas.blocks.schedules import sets_learning_rate
from kt_evolution.nas.choices import active_if
from kt_evolution.nas.choices import declare_choice
from kt_evolution.nas.choices import default_first
from kt_evolution.nas.shapes import check_channels_last
from kt_evolution.nas.spaces.arguments import GROUPS
from kt_evolution.nas.spaces.arguments import check_searched_groups
from kt_evolution.nas.spaces.arguments import check_task
from kt_evolution.nas.spaces.data import as_array
from kt_evolution.nas.spaces.data import check_batches
from kt_evolution.nas.spaces.data import check_finite
from kt_evolution.nas.spaces.data import check_inputs
from kt_evolution.nas.spaces.data import check_labels
from kt_evolution.nas.spaces.data import check_numbers
from kt_evolution.nas.spaces.data import check_pairs
from kt_evolution.nas.spaces.data import regression_targets
from kt_evolution.nas.spaces.data import samples_and_labels
from kt_evolution.nas.spaces.data import training_rows
from kt_evolution.nas.spaces.scaling import LEAST
from kt_evolution.nas.spaces.scaling import Scale
from kt_evolution.nas.spaces.scaling import scaled_gradients
from kt_evolution.nas.spaces.smoothing import LOSS
from kt_evolution.nas.spaces.smoothing import smoothed_labels
from kt_evolution.nas.spaces.tracing import create_training_state


@with_named_arguments
@dataclasses.dataclass(eq=False, repr=False)
class ReadySpace(kt.HyperModel, abc.ABC):
    """A space of whole networks, from the input to the optimizer.

    Classification takes integer labels and reports the metric "accuracy".
    Regression takes numbers and reports the metric "mae".

    Args:
        input_shape: Tuple, the shape of one sample.
        num_classes: Int, the number of classes. For classification.
        num_outputs: Int, the number of outputs. For regression. Defaults to 1.
        task: "classification" or "regression". Defaults to "classification".
        max_depth: Int, the largest number of blocks in a stage. Defaults to 3.
        width: Int, the default number of channels or units of the first
            stage. Defaults to 32.
        searched_groups: String or several, the groups of hyperparameters to
            search: "layers", "connections", "regularization" and "training".
            The others keep their default values. Defaults to all.
        total_steps: Int, the number of batches that a model is trained on,
            for the cosine schedule. Defaults to a constant learning rate, and
            for images to as many batches as `fit` has.
        name: String, the name of the hypermodel.
        tunable: Boolean, as in `keras_tuner.HyperModel`. Defaults to True.

    Raises:
        ValueError: If an argument is not as described. `fit`, and so a search,
            raises `keras_tuner.errors.FatalValueError` for samples and labels
            that no model of the space can be trained on.
    """

    input_shape: Any
    _: dataclasses.KW_ONLY
    num_classes: int | None = None
    num_outputs: int | None = None
    task: str = "classification"
    max_depth: int = 3
    width: int = 32
    searched_groups: str | Sequence[str] = GROUPS
    total_steps: int | None = None
    name: str | None = None
    tunable: bool = True

    # Whether a sample may contain NaN, a missing number.
    allows_missing = False
    # Whether `fit` sets a schedule without `total_steps`.
    counts_steps = False
    # Ranges of the learning rate by optimizer, if not those of `Optimizer`.
    learning_rates: ClassVar[Mapping[str, tuple[float, float]] | None] = None
    # Weight decays by optimizer, if not those of `Optimizer`.
    weight_decays: ClassVar[Mapping[str, tuple[float, ...]] | None] = None

    def __post_init__(self) -> None:
        super().__init__(name=self.name, tunable=self.tunable)
        check_task(self.task, self.num_classes, self.num_outputs)
        if self.num_classes is not None:
            self.num_classes = int(self.num_classes)
        self.max_depth = check_count("max_depth", self.max_depth)
        self.width = check_count("width", self.width)
        self.searched_groups = check_searched_groups(self.searched_groups)
        if self.total_steps is not None:
            self.total_steps = check_count("total_steps", self.total_steps)
        self._outputs = int(self.num_outputs or 1)
        # The scale of the targets, once `adapt` has seen them.
        self._target_scale: Scale | None = None

    def adapt(self, x: Any = None, y: Any = None) -> None:
        """Learns the scale of the training data, as a Keras layer does.

        Call it before the search, and again before a search is resumed. A
        regression scales its outputs by the mean and variance of the targets;
        without `adapt` its outputs start around 0. `HyperTabularNet` also
        standardizes its columns by those of `x`, and `HyperSeriesNet` and
        `HyperTextNet` learn a family of networks for few samples from it.
        Samples to validate on should not be among the data: `HyperTextNet`
        selects its n-grams by the labels.

        Example:

        ```python
        space = nas.HyperSeriesNet(input_shape=(128, 9), task="regression")
        space.adapt(x_train, y_train)
        ```

        Args:
            x: Array of the training samples. Defaults to None: only the scale
                of the targets is learned.
            y: Array of the training labels or targets. Defaults to None: only
                the scale of the samples is learned.

        Raises:
            ValueError: If the data do not fit the space.
        """
        if y is None:
            return
        if self.task == "classification":
            y = as_array(y, "y")
            check_labels(y, self.num_classes, self._outputs, "y")
        else:
            y = regression_targets(y, self._outputs)
            self._target_scale = Scale.of(y, of_constant=LEAST)
        if x is not None:
            check_pairs(as_array(x, "x"), y, ("x", "y"))

    def build(self, hp: kt.HyperParameters) -> keras.Model:
        """Builds and compiles the model of some hyperparameters."""
        begin_build(hp)
        inputs = self.inputs()
        check_channels_last(inputs)
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
        """Trains a model, with the schedule and smoothed labels of `hp`.

        Once `adapt` has seen the targets of a regression, the gradients are
        those of standardized targets.
        """
        x, y = self.samples(x, "x"), as_array(y, "y")
        labels = self._check_data(model, ("x", "y"), x, y)
        arguments = private_api.fit_arguments((x, y, *args), kwargs)
        if "sample_weight" in arguments:
            weights = as_array(arguments["sample_weight"], "sample_weight")
            arguments["sample_weight"] = weights
        held_out = self._held_out(model, arguments.get("validation_data"))
        arguments["validation_data"] = held_out
        callbacks = as_list(arguments.get("callbacks"))
        if not any(map(sets_learning_rate, callbacks)):
            schedules = self._optimizer().callbacks(hp, "training")
            arguments["callbacks"] = [*schedules, *callbacks]
        with (
            smoothed_labels(model, self.label_smoothing(hp)),
            scaled_gradients(model, self._target_scale),
        ):
            create_training_state(model, labels)
            if not arguments.get("initial_epoch"):
                self.begin_training(model, *training_rows(arguments))
            return super().fit(hp, model, **arguments)

    def _held_out(self, model: keras.Model, given: Any) -> Any:
        """Returns `validation_data` in the form that Keras takes, checked."""
        if isinstance(given, (list, tuple)) and len(given) > 1:
            x, y, *weights = given
            given = (
                self.samples(x, "validation_data[0]"),
                as_array(y, "validation_data[1]"),
                *(as_array(each, "validation_data[2]") for each in weights),
            )
        names = ("validation_data[0]", "validation_data[1]")
        parts = given if isinstance(given, tuple) else (given,)
        self._check_data(model, names, *parts[:2])
        return given

    def begin_training(self, model: keras.Model, x: Any, y: Any) -> None:
        """Changes the weights of a model before its first epoch, if at all.

        Args:
            model: The compiled model.
            x: The samples to train on, without those of `validation_split`.
            y: Their labels or targets.
        """

    def samples(self, x: Any, name: str) -> Any:
        """Returns samples in the form that Keras takes, and checks them.

        Args:
            x: The `x` of `fit`: an array, a list, a data set or None.
            name: String, the argument's name for an error.
        """
        x = as_array(self.only_input(x), name)
        check_numbers(x, name)
        if isinstance(x, np.ndarray) and not self.allows_missing:
            check_finite(x, name)
        return x

    def only_input(self, x: Any) -> Any:
        """Returns the samples if `x` is a list with one array per input."""
        if isinstance(x, (list, tuple)) and len(x) == 1:
            # A list of one sample has the rank of `input_shape`.
            (first,) = x
            if len(getattr(first, "shape", ())) > len(self.input_shape):
                return first
        return x

    @abc.abstractmethod
    def inputs(self) -> Any:
        """Returns the model's inputs."""

    @abc.abstractmethod
    def body(self, hp: kt.HyperParameters, inputs: Any) -> Any:
        """Returns the features of a sample: a vector or a feature map."""

    def head(self, hp: kt.HyperParameters, x: Any) -> Any:
        """Turns features into a prediction."""
        scope = BlockScope(hp, "head")
        texts = []
        with hp.name_scope("head"):
            if len(x.shape) > 2:
                poolings = self.choices("layers", "average", "max")
                pooling = declare_choice(hp, "pooling", poolings)
                x = pool(scope, x, pooling)
                texts.append(f"{pooling} pooling")
            rates = self.choices("regularization", 0.2, 0.0, 0.1, 0.3, 0.5)
            rate = declare_choice(hp, "dropout", rates)
        if rate:
            texts.append(f"dropout {rate:g}")
        x = dropout(scope, x, rate)
        if self.task == "classification":
            y = self._probabilities(scope, x)
            texts.append(f"softmax over {self.num_classes} classes")
        else:
            y = self._numbers(scope, x)
            plural = "" if self._outputs == 1 else "s"
            texts.append(f"{self._outputs} output{plural}")
        return scope.finish(y, "head", ", ".join(texts))

    def compile(self, hp: kt.HyperParameters, model: keras.Model) -> None:
        """Sets a model's optimizer, loss and metrics."""
        optimizer = self._optimizer()(hp, "training")
        if self.task == "classification":
            self.label_smoothing(hp)
            model.compile(optimizer, LOSS, metrics=["accuracy"])
        else:
            model.compile(optimizer, "mse", metrics=["mae"])

    def label_smoothing(self, hp: kt.HyperParameters) -> float:
        """Returns the part of each label that is spread over all classes."""
        if self.task == "regression":
            return 0.0
        rates = self.choices("regularization", 0.0, 0.05, 0.1)
        with hp.name_scope("training"):
            return float(declare_choice(hp, "label_smoothing", rates))

    def choices(
        self, group: str, default: Any, *others: Any
    ) -> tuple[Any, ...]:
        """Returns the default, and the others if their group is searched."""
        searched = group in self.searched_groups
        return (default, *others) if searched else (default,)

    def family(
        self,
        hp: kt.HyperParameters,
        inputs: Any,
        families: Mapping[str, Callable[..., Any]],
        default: str,
    ) -> Any:
        """Builds the family of networks that the hyperparameter chooses.

        Args:
            hp: The `keras_tuner.HyperParameters`.
            inputs: The model's inputs.
            families: Dict of names to functions of `hp` and the inputs, which
                only declare their hyperparameters if the inputs are None.
            default: String, a name.
        """
        names = self.choices("layers", *default_first(default, families))
        chosen = declare_choice(hp, "family", names)
        x = inputs
        for name in names:
            with active_if(hp, "family", names, [name]):
                if name == chosen:
                    x = families[name](hp, inputs)
                else:
                    families[name](hp, None)
        return x

    def depths(self, default: int = 2) -> tuple[int, ...]:
        """Returns the allowed numbers of blocks of a stage, default first."""
        default = min(default, self.max_depth)
        every = range(1, self.max_depth + 1)
        return self.choices("layers", *default_first(default, every))

    def widths(self, factor: int = 1) -> tuple[int, ...]:
        """Returns the allowed numbers of channels of a stage, default first."""
        width = self.width * factor
        others = (max(1, width // 2), max(1, 3 * width // 4), 3 * width // 2)
        every = default_first(width, (*others, 2 * width))
        return self.choices("layers", *every)

    def _check_data(
        self,
        model: keras.Model,
        names: tuple[str, str],
        x: Any = None,
        y: Any = None,
    ) -> Any:
        """Checks samples and labels.

        Returns:
            The labels, or one label of zeros if `x` is a data set.
        """
        check_batches(x, model, names[0])
        check_pairs(x, y, names)
        x, y = samples_and_labels(x, y)
        check_inputs(x, model, names[0])
        check_labels(y, self.num_classes, self._outputs, names[1])
        return y

    def _optimizer(self) -> Optimizer:
        searched = Optimizer(
            learning_rate=self.learning_rates,
            weight_decay=self.weight_decays,
            total_steps=self.total_steps
            or (FIT if self.counts_steps else None),
        )
        searched.weight_decay = {
            name: self.choices("regularization", *values)
            for name, values in searched.weight_decay.items()
        }
        if "training" in self.searched_groups:
            return searched
        return Optimizer(
            "adamw",
            learning_rate=searched.learning_rate["adamw"][0],
            weight_decay=searched.weight_decay,
            schedule="cosine",
            warm_up=0.05,
            total_steps=searched.total_steps,
        )

    def _probabilities(self, scope: BlockScope, x: Any) -> Any:
        logits = scope.layer(layers.Dense, self.num_classes, name="logits")
        probabilities = scope.layer(
            layers.Softmax, dtype=full_precision(), name="probabilities"
        )
        return probabilities(logits(x))

    def _numbers(self, scope: BlockScope, x: Any) -> Any:
        outputs = scope.layer(
            layers.Dense, self._outputs, dtype=full_precision(), name="outputs"
        )
        y = outputs(x)
        if self._target_scale is None:
            return y
        return self._target_scale.restore(scope, y)
