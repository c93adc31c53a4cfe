"""Warm start: a search starts from the trials of other searches.

Their trials enter the history as evaluated individuals, or, if they were
trained on other data, as what the surrogate expects. They enter the journal as
lines. So a project is read once, and need not exist when the search is resumed.
"""

import dataclasses
import os
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import TypeAlias

import keras_tuner as kt

from kt_evolution.algorithm.history.individual import IMPORT
from kt_evolution.algorithm.space.genes import Value
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.display.terminal import printable
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.keras_tuner_bridge.objectives import objectives_of
from kt_evolution.project.events import Event
from kt_evolution.project.events import ModelImported
from kt_evolution.project.events import SearchTransferred
from kt_evolution.project.events import WarmStarted
from kt_evolution.project.locations import locate_path
from kt_evolution.project.past_projects import PastProject
from kt_evolution.project.past_projects import PastTrial
from kt_evolution.project.past_projects import read_project
from kt_evolution.project.state import SearchState
from kt_evolution.proposals.dry_build import BuildReport
from kt_evolution.user_warnings import warn_user

Folder: TypeAlias = str | os.PathLike[str]


@dataclasses.dataclass(frozen=True)
class Transfer:
    """A search on other data, to begin with what it has learned.

    Its scores are no scores of the new search. But the models that were better
    there are expected to be better here, until the scores of the new search
    show how far that is true. If they contradict it, it is expected no more.

    Example:

    ```python
    tuner = kt_evolution.EvolutionTuner(
        build_model,
        objective="val_accuracy",
        warm_start=kt_evolution.Transfer("results/first_data"),
    )
    ```

    Reference:
        Rasmussen & Williams (2006), "Gaussian Processes for Machine
        Learning", section 2.7.

    Args:
        folder: String or path, the folder of a Keras Tuner project. Its
            objective must be that of the new search, and at least one
            hyperparameter must be in both.

    Raises:
        TypeError: If `folder` is no string or path.
    """

    folder: Folder

    def __post_init__(self) -> None:
        if not isinstance(self.folder, (str, os.PathLike)):
            raise TypeError(
                "`folder` must be the path of a project's folder. "
                f"Received: folder={self.folder!r}"
            )


GivenProject: TypeAlias = Folder | Transfer
GivenProjects: TypeAlias = GivenProject | Sequence[GivenProject]


class WarmStart:
    """The projects from which a search starts.

    Args:
        given: String or path, or a `Transfer`, or a list of them.

    Raises:
        TypeError: If `given` is something else.
        ValueError: If a folder is given in both ways.
    """

    def __init__(self, given: GivenProjects | None) -> None:
        self._is_transfer: dict[str, bool] = {}
        for one in _checked(given):
            is_transfer = isinstance(one, Transfer)
            path = str(Path(one.folder if isinstance(one, Transfer) else one))
            if self._is_transfer.setdefault(path, is_transfer) != is_transfer:
                raise ValueError(
                    "`warm_start` must have a folder as it is or as a "
                    f"`Transfer`, not both. Received: warm_start={given!r}"
                )
        # The journal has the paths of the user. The projects are read later.
        self._places = {
            path: locate_path("warm_start", path) for path in self._is_transfer
        }
        self._projects: dict[str, PastProject] = {}

    @property
    def transfers(self) -> list[str]:
        """List of the paths of searches on other data."""
        return [path for path, is_one in self._is_transfer.items() if is_one]

    def check_another(self, folder: Path) -> None:
        """Raises if a search would start from its own project."""
        for path in self._is_transfer:
            if os.path.realpath(self._places[path]) == os.path.realpath(folder):
                raise ValueError(
                    "`warm_start` must be the folder of another project. "
                    f"Received: warm_start={path!r}, which is this search's "
                    "own. To start a new search from it use another "
                    "`project_name`."
                )

    def read(
        self,
        state: SearchState,
        computable: Collection[str] = (),
        takes_partial: bool = False,
    ) -> None:
        """Reads the projects that were not imported so far.

        Args:
            state: The `SearchState` of this search.
            computable: Strings, the metrics that trials may lack, if they
                were trained on the same data.
            takes_partial: Bool, see `read_project`, likewise. Defaults to
                False.

        Raises:
            ValueError: See `read_project`; or if a search on other data has
                nothing to transfer.
        """
        for path, is_transfer in self._is_transfer.items():
            if path in state.models.sources or path in self._projects:
                continue
            place = self._places[path]
            if is_transfer:
                project = read_project(place, state.objective)
                _check_transferable(path, project, state.history.space)
            else:
                project = read_project(
                    place, state.objective, computable, takes_partial
                )
            self._projects[path] = project

    def events(
        self,
        state: SearchState,
        describe: Callable[
            [PastTrial], tuple[dict[str, Any], dict[str, float]]
        ],
    ) -> Iterator[Event]:
        """Yields the events of trials that are not in the history so far.

        Each event must be committed before the next one is yielded.

        Args:
            state: The `SearchState` of this search.
            describe: Function that returns the record of a trial's individual
                and the costs of its model. It raises ValueError if the trial
                is outside the search space.
        """
        for path, is_transfer in self._is_transfer.items():
            if path in state.models.sources:
                continue
            project = self._projects[path]
            if is_transfer:
                yield _transferred(path, project, state)
            else:
                yield from _imported(path, project, state, describe)


def _imported(
    path: str,
    project: PastProject,
    state: SearchState,
    describe: Callable[[PastTrial], tuple[dict[str, Any], dict[str, float]]],
) -> Iterator[Event]:
    """Yields the events of a search on the same data."""
    outside = []
    known = {
        PastTrial(one.source, one.values, one.metrics).identity
        for one in state.models.imports.values()
    }
    for trial in project.trials:
        if trial.identity in known:
            continue
        try:
            record, costs = describe(trial)
        except (TypeError, ValueError, OverflowError) as error:
            outside.append(f"trial {trial.trial_id}: {error}")
            continue
        known.add(trial.identity)
        yield ModelImported(
            trial_id=f"{IMPORT}/{len(state.models.imports)}",
            source=trial.trial_id,
            values=trial.values,
            metrics=trial.metrics,
            costs=costs,
            epochs=trial.epochs,
            record=record,
        )
    yield WarmStarted(
        path=path,
        imported=len(project.trials) - len(outside),
        dropped=len(outside),
    )
    _warn_of_others(path, project, outside)


def _transferred(
    path: str, project: PastProject, state: SearchState
) -> SearchTransferred:
    """Returns the event of a search on other data."""
    inside, outside = _divided(project, state.history.space)
    names = [one.name for one in objectives_of(state.objective)]
    _warn_of_others(path, project, outside)
    return SearchTransferred(
        path=path,
        values=[trial.values for trial in inside],
        metrics=[
            {name: trial.metrics[name] for name in names} for trial in inside
        ],
        dropped=len(outside),
    )


def _check_transferable(
    path: str, project: PastProject, space: SearchSpace
) -> None:
    """Raises if a search on other data has nothing to transfer."""
    if not project.trials:
        raise ValueError(
            "`warm_start` must be a `Transfer` from a search with a completed "
            f"trial. Received: warm_start=Transfer({path!r}), which has none"
        )
    names = {name for trial in project.trials for name in trial.values}
    searched = {
        gene.name
        for gene, is_tunable in zip(space.genes, space.is_tunable, strict=True)
        if is_tunable
    }
    if not names & searched:
        raise ValueError(
            "`warm_start` must be a `Transfer` from a search that has a "
            f"hyperparameter of this one. Received: warm_start="
            f"Transfer({path!r}), which has {sorted(names)}, while this "
            f"search has {sorted(searched)}"
        )
    inside, outside = _divided(project, space)
    if not inside:
        raise ValueError(
            "`warm_start` must be a `Transfer` from a search with a trial "
            f"that this one can have. Received: warm_start=Transfer({path!r}) "
            f"({outside[0]})"
        )


def _divided(
    project: PastProject, space: SearchSpace
) -> tuple[list[PastTrial], list[str]]:
    """Returns the trials that a space can have, and why not the others."""
    inside, outside = [], []
    for trial in project.trials:
        try:
            space.encode(trial.values)
        except (TypeError, ValueError, OverflowError) as error:
            outside.append(f"trial {trial.trial_id}: {error}")
        else:
            inside.append(trial)
    return inside, outside


def check_untuned(
    searched: kt.HyperParameters,
    report: BuildReport,
    values: dict[str, Value],
) -> None:
    """Raises if a hyperparameter that is not searched had another value.

    Args:
        searched: The search space.
        report: The `BuildReport` of a model that another search evaluated.
        values: Dict of all values that the model had there.

    Raises:
        ValueError: It names the hyperparameter and both values.
    """
    for hp in private_api.new_entries(searched, report.hyperparameters):
        if values.get(hp.name, hp.default) != hp.default:
            raise ValueError(
                f"Hyperparameter '{hp.name}' is not searched, so it must be "
                f"{hp.default!r}. Received: {values[hp.name]!r}"
            )


def _warn_of_others(
    path: str, project: PastProject, outside: list[str]
) -> None:
    """Warns of trials that were not imported."""
    reasons = []
    if outside:
        reasons.append(
            f"{len(outside)} are none that this search can have ({outside[0]})"
        )
    if project.num_unscored:
        reasons.append(
            f"{project.num_unscored} have no finite objective or loss"
        )
    if project.num_damaged:
        reasons.append(f"{project.num_damaged} can't be read")
    if not project.trials:
        reasons.append("there is no completed trial")
    if reasons:
        warn_user(
            f"Not all trials of `warm_start` {path!r} were imported: "
            f"{printable('; '.join(reasons))}."
        )


def _checked(given: Any) -> list[GivenProject]:
    if given is None:
        return []
    kinds = (str, os.PathLike, Transfer)
    if isinstance(given, kinds):
        given = [given]
    if not isinstance(given, (list, tuple)) or not all(
        isinstance(one, kinds) for one in given
    ):
        raise TypeError(
            "`warm_start` must be the path of a project's folder, a "
            "`kt_evolution.Transfer`, or a list of these. Received: "
            f"warm_start={given!r}"
        )
    return list(given)
