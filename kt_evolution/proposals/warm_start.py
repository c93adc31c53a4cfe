"""Warm start: a search starts from the trials of other searches.

Their trials enter the history as evaluated individuals, and the journal as
lines. So a project is read once, and need not exist when the search is resumed.
"""

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
from kt_evolution.display.terminal import printable
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.project.events import Event
from kt_evolution.project.events import ModelImported
from kt_evolution.project.events import WarmStarted
from kt_evolution.project.locations import locate_path
from kt_evolution.project.past_projects import PastProject
from kt_evolution.project.past_projects import PastTrial
from kt_evolution.project.past_projects import read_project
from kt_evolution.project.state import SearchState
from kt_evolution.proposals.dry_build import BuildReport
from kt_evolution.user_warnings import warn_user

Folder: TypeAlias = str | os.PathLike[str]
GivenProjects: TypeAlias = Folder | Sequence[Folder]


class WarmStart:
    """The projects from which a search starts.

    Args:
        paths: String or path, or an iterable of them.

    Raises:
        TypeError: If `paths` is something else.
    """

    def __init__(self, paths: GivenProjects | None) -> None:
        self.paths = _checked(paths)
        # The journal has the paths of the user. The projects are read later.
        self._places = {
            path: locate_path("warm_start", path) for path in self.paths
        }
        self._projects: dict[str, PastProject] = {}

    def check_another(self, folder: Path) -> None:
        """Raises if a search would start from its own project."""
        for path in self.paths:
            if os.path.realpath(self._places[path]) == os.path.realpath(folder):
                raise ValueError(
                    "`warm_start` must be the folder of another project. "
                    f"Received: warm_start={path!r}, which is this search's "
                    "own. To start a new search from it use another "
                    "`project_name`."
                )

    def read(
        self,
        objective: kt.Objective,
        done: Collection[str],
        computable: Collection[str] = (),
        takes_partial: bool = False,
    ) -> None:
        """Reads the projects that were not imported so far.

        Args:
            objective: The `keras_tuner.Objective` of this search.
            done: The paths of the imported projects.
            computable: Strings, the metrics that trials may lack.
            takes_partial: Bool, see `read_project`. Defaults to False.

        Raises:
            ValueError: See `read_project`.
        """
        for path in self.paths:
            if path not in done and path not in self._projects:
                self._projects[path] = read_project(
                    self._places[path], objective, computable, takes_partial
                )

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
        for path in self.paths:
            if path in state.sources:
                continue
            project = self._projects[path]
            outside = []
            known = {
                PastTrial(one.source, one.values, one.metrics).identity
                for one in state.models.imports
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


def _checked(paths: Any) -> list[str]:
    if paths is None:
        return []
    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    if not isinstance(paths, (list, tuple)) or not all(
        isinstance(path, (str, os.PathLike)) for path in paths
    ):
        raise TypeError(
            "`warm_start` must be the path of a project's folder or a list of "
            f"such paths. Received: warm_start={paths!r}"
        )
    return list(dict.fromkeys(str(Path(path)) for path in paths))
