"""The oracle, asked by Ray Tune.

Ray's id of a trial is the oracle's name of the worker that runs it. So the
journal has both, and is all that there is to save.
"""

import contextlib
import weakref
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras_tuner as kt
from keras_tuner.engine.trial import TrialStatus

from kt_evolution.algorithm.checks import check_optional_count
from kt_evolution.algorithm.checks import did_you_mean
from kt_evolution.keras_tuner_bridge.objectives import is_direction
from kt_evolution.optional import import_module
from kt_evolution.oracle import EvolutionOracle
from kt_evolution.project.issued_trial import record_requests
from kt_evolution.proposals.dry_build import DryBuild
from kt_evolution.ray_tune.config_space import ConfigSpace
from kt_evolution.ray_tune.results import report
from kt_evolution.ray_tune.saving import read_journal
from kt_evolution.ray_tune.saving import read_state
from kt_evolution.ray_tune.saving import resume
from kt_evolution.ray_tune.saving import write_journal
from kt_evolution.ray_tune.saving import write_state
from kt_evolution.workers.ray_member import ScratchFolder
from kt_evolution.workers.session import open_oracle

Searcher: Any = import_module("ray.tune.search", "ray").Searcher

# The arguments of the oracle that make sense for a search of Ray Tune.
OPTIONS = (
    "population_size",
    "num_initial_points",
    "selection",
    "crossover",
    "mutation",
    "survival",
    "surrogate",
    "limits",
    "stop",
    "warm_start",
)


class EvolutionSearch(Searcher):
    """Searches for the configs of any trainable of Ray Tune by evolution.

    Example:

    ```python
    tuner = ray.tune.Tuner(
        train,
        param_space={"lr": ray.tune.loguniform(1e-4, 1e-1)},
        tune_config=ray.tune.TuneConfig(
            search_alg=EvolutionSearch(seed=0),
            metric="loss",
            mode="min",
            num_samples=50,
        ),
    )
    results = tuner.fit()
    ```

    A trial that raises an error is a failure, from which the search learns. A
    trial that a scheduler stops early counts by its last result, as it does
    for other search algorithms of Ray Tune.

    Args:
        space: The search space: a function of `hp`, which declares
            hyperparameters as a build function of Keras Tuner does and need
            not return anything, or a `keras_tuner.HyperModel`;
            `keras_tuner.HyperParameters`; or a dict of Ray Tune's ranges and
            choices. Defaults to the `param_space` of `ray.tune.Tuner`.
        metric: String, the metric that trainables report, or a list of
            strings for several objectives. Defaults to that of
            `ray.tune.TuneConfig`, which Ray tells if there is a
            `param_space`.
        mode: String, "min" or "max", or a list of them, one for each metric.
            Defaults to that of `ray.tune.TuneConfig`.
        points_to_evaluate: List of configs, or of parts of them, to try first.
            Defaults to none.
        seed: Int, the random seed. Defaults to a random one.
        directory: String or path, where the project folder is, for
            `kt-evolution` and `reporting`. A search of a folder goes on with
            what is there. Defaults to a temporary folder.
        project_name: String, the name of the project folder in `directory`.
            Defaults to "ray_tune".
        **kwargs: Arguments of `EvolutionOracle`: `population_size`,
            `num_initial_points`, `selection`, `crossover`, `mutation`,
            `survival`, `surrogate`, `limits`, `stop` and `warm_start`.

    Raises:
        ImportError: If Ray is not installed.
        ValueError: If a part of `space` can't be searched, or if another
            argument is wrong.
        TypeError: If an argument is of a wrong type, or not known.
    """

    # Ray's attributes.
    _metric: Any
    _mode: Any

    def __init__(
        self,
        space: Any = None,
        metric: str | Sequence[str] | None = None,
        mode: str | Sequence[str] | None = None,
        points_to_evaluate: Sequence[Mapping[str, Any]] | None = None,
        seed: int | None = None,
        *,
        directory: Any = None,
        project_name: str = "ray_tune",
        **kwargs: Any,
    ) -> None:
        for name, value in kwargs.items():
            if name not in OPTIONS:
                raise TypeError(
                    f"`{type(self).__name__}` has no argument `{name}`."
                    f"{did_you_mean(name, OPTIONS)} Received: {name}={value!r}"
                )
        _check_modes(metric, mode)
        super().__init__(metric=metric, mode=mode)
        self._options = {
            **kwargs,
            "seed": check_optional_count("seed", seed, at_least=0),
        }
        self._points = points_to_evaluate
        self._directory, self._project_name = directory, project_name
        self._space = None if space is None else ConfigSpace(space, "space")
        # The journal of the search that goes on, None for a new one.
        self._journal: bytes | None = None
        self._forget()
        self._prepare()

    def _forget(self) -> None:
        """Begins without an oracle, as a new process does."""
        self._oracle: EvolutionOracle | None = None
        self._is_open = False
        # The last results of trials that run.
        self._results: dict[str, Mapping[str, Any]] = {}

    # Ray pickles a search algorithm before a search, to restore it elsewhere.

    def __getstate__(self) -> dict[str, Any]:
        state = vars(self).copy()
        del state["_oracle"], state["_is_open"], state["_results"]
        return {**state, "_journal": self._read_journal()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()
        self._prepare()

    # The oracle.

    def set_search_properties(
        self, metric: Any, mode: Any, config: Mapping[str, Any], **spec: Any
    ) -> bool:
        """Takes `metric`, `mode` and `param_space` of `ray.tune.Tuner`.

        Returns:
            Bool, False if there are two search spaces.
        """
        given = ConfigSpace(config, "param_space")
        if given.hyperparameters.space:
            if self._space is not None:
                return False
            self._space = given
        _check_modes(metric, mode)
        self._metric = metric or self._metric
        self._mode = mode or self._mode
        self._journal = self._read_journal()
        self._forget()
        self._prepare()
        return True

    def _prepare(self) -> None:
        """Makes the oracle as soon as all that it needs is known."""
        if self._space is None or not self._metric or not self._mode:
            return
        names = _as_list(self._metric)
        objectives = [
            kt.Objective(name, mode)
            for name, mode in zip(names, _as_list(self._mode), strict=True)
        ]
        with _named_as_in_ray():
            self._oracle = EvolutionOracle(
                objectives if len(objectives) > 1 else objectives[0],
                max_trials=None,
                hyperparameters=self._space.hyperparameters,
                max_consecutive_failed_trials=None,
                initial_population=self._initial_population(),
                **self._options,
            )
            self._oracle.verbose = 0
            open_oracle(self._oracle, self._new_dry_build())
            self._oracle._proposer.prepare()

    def _initial_population(self) -> Any:
        space, points = self._space, self._points
        is_list = isinstance(points, (list, tuple))
        if space is None or not is_list:
            return points
        return [
            space.values_of(one) if isinstance(one, Mapping) else one
            for one in points or ()
        ]

    def _new_dry_build(self) -> DryBuild | None:
        if self._space is None or self._space.hypermodel is None:
            return None
        return DryBuild(self._space.hypermodel, requires_model=False)

    def _open(self) -> EvolutionOracle:
        """Returns the oracle, with the project in its folder."""
        oracle = self._known_oracle()
        if not self._is_open:
            directory = self._directory
            if directory is None:
                scratch = ScratchFolder()
                weakref.finalize(oracle, scratch.delete)
                directory = scratch.path
            if self._journal is not None:
                folder = Path(directory, self._project_name)
                write_journal(folder, self._journal)
            oracle._set_project_dir(directory, self._project_name)
            oracle._project.claim(None)
            if oracle._project.open():
                open_oracle(oracle, self._new_dry_build())
            if self._journal is not None:
                resume(oracle)
            self._journal, self._is_open = None, True
        return oracle

    def _known_oracle(self) -> EvolutionOracle:
        if self._oracle is None:
            missing = {
                "space": self._space,
                "metric": self._metric,
                "mode": self._mode,
            }
            names = [name for name, value in missing.items() if not value]
            raise RuntimeError(
                f"`{type(self).__name__}` does not know its {names}. Pass them "
                "to it, or `param_space` to `ray.tune.Tuner` and `metric` and "
                "`mode` to `ray.tune.TuneConfig`. Ray passes the latter on "
                "only if there is a `param_space`."
            )
        return self._oracle

    # What Ray calls.

    def suggest(self, trial_id: str) -> dict[str, Any] | str:
        """Returns the config of the next trial.

        Args:
            trial_id: String, the id by which its results are reported.

        Returns:
            Dict, or `Searcher.FINISHED` if every model is known or a stopping
            rule has fired.
        """
        oracle, space = self._open(), self._space
        trial = oracle.create_trial(trial_id)
        if space is None or trial.status != TrialStatus.RUNNING:
            return str(self.FINISHED)
        if space.hypermodel is not None:
            # The build has shown which values it requests.
            return space.config_of(oracle._standings.used_values(trial))
        return space.config_of(dict(trial.hyperparameters.values))

    def on_trial_result(self, trial_id: str, result: Mapping[str, Any]) -> None:
        """Keeps a result of a trial that runs, which may be its last."""
        self._results[trial_id] = result

    def on_trial_complete(
        self,
        trial_id: str,
        result: Mapping[str, Any] | None = None,
        error: bool = False,
    ) -> None:
        """Takes the last result of a trial, or that it has failed.

        Args:
            trial_id: String. A trial that has ended, or that another search
                has suggested, is left out.
            result: Dict of the metrics that the trainable reported, and of
                what Ray adds. Defaults to the last one of `on_trial_result`.
            error: Bool, whether the trainable has raised an error.
        """
        result = result or self._results.pop(trial_id, None)
        self._results.pop(trial_id, None)
        if self._oracle is None:
            return
        oracle = self._open()
        oracle.tuner_ids.discard(trial_id)
        trial = oracle.ongoing_trials.get(trial_id)
        if trial is None:
            return
        if error:
            problem: str | None = (
                "TrainableError: its trainable raised an error. Ray has it in "
                f"error.txt of the trial {trial_id}"
            )
        else:
            problem = report(oracle, trial.trial_id, result or {})
        trial.status, trial.message = TrialStatus.COMPLETED, problem
        if problem is not None:
            trial.status = TrialStatus.INVALID
        if self._new_dry_build() is None:
            # The trainable got all values. A restored trial does not know it.
            record_requests(trial)
            dict(trial.hyperparameters.values)
        oracle.end_trial(trial)

    # Saving.

    def save(self, checkpoint_path: str) -> None:
        """Writes the search to a file: its settings, and its journal."""
        write_state(checkpoint_path, self.__getstate__())

    def _read_journal(self) -> bytes | None:
        if not self._is_open:
            return self._journal
        return read_journal(self._known_oracle()._project.folder)

    def restore(self, checkpoint_path: str) -> None:
        """Continues the search that `save` has written to a file.

        What its project folder in `directory` has beyond that is lost.

        Raises:
            ValueError: If it is not such a file.
        """
        self.__setstate__(read_state(checkpoint_path))


def _check_modes(metric: Any, mode: Any) -> None:
    """Raises for modes that Ray would refuse by an assertion."""
    modes = [] if mode is None else _as_list(mode)
    if not all(map(is_direction, modes)):
        raise ValueError(
            '`mode` must be "min" or "max", or a list of them, one for each '
            f"metric. Received: mode={mode!r}"
        )
    if not metric or not mode:
        return
    is_same_kind = isinstance(metric, str) == isinstance(mode, str)
    if not is_same_kind or len(_as_list(metric)) != len(modes):
        raise ValueError(
            "`metric` and `mode` must be two strings, or two lists of one "
            f"length. Received: metric={metric!r} and mode={mode!r}"
        )


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


@contextlib.contextmanager
def _named_as_in_ray() -> Iterator[None]:
    """Lets errors have Ray's name of the initial population."""
    try:
        yield
    except (TypeError, ValueError) as error:
        text = str(error)
        if "initial_population" not in text:
            raise
        text = text.replace("initial_population", "points_to_evaluate")
        raise type(error)(text) from error
