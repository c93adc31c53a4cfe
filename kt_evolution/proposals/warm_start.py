"""Warm start: a search goes on from what other searches have found out.

Their trials enter the history as evaluated individuals, and the journal as
lines: a project is read once, and may be gone when the search is resumed.
"""

import os
import warnings
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras_tuner as kt

from kt_evolution.algorithm.history.history import IMPORT
from kt_evolution.algorithm.space.genes import Value
from kt_evolution.display.terminal import printable
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.project import events
from kt_evolution.project.locations import locate_path
from kt_evolution.project.past_projects import PastProject
from kt_evolution.project.past_projects import PastTrial
from kt_evolution.project.past_projects import read_project
from kt_evolution.proposals.dry_build import Phenotype


class WarmStart:
    """The projects that a search starts from, and what it took from them.

    Args:
        paths: String or path, or an iterable of them.

    Attributes:
        values: Dict of the ids of imported individuals to all values that
            they had, also of hyperparameters that are not met so far.

    Raises:
        TypeError: If `paths` is something else.
    """

    def __init__(self, paths: Any) -> None:
        self.paths = _checked(paths)
        # The journal has paths as the user gave them. They are read later.
        self._places = {
            path: locate_path("warm_start", path) for path in self.paths
        }
        self._projects: dict[str, PastProject] = {}
        self.forget()

    def forget(self) -> None:
        """Clears all that the journal can restore."""
        self.values: dict[str, dict[str, Value]] = {}
        self._known: set[str] = set()
        self._done: set[str] = set()

    def note(self, event: dict[str, Any]) -> None:
        """Notes a line of the journal."""
        if event["event"] == "warm_start":
            self._done.add(event["path"])
        elif event["event"] == "import":
            trial = PastTrial(
                event["source"], event["values"], event["metrics"]
            )
            self._known.add(trial.identity)
            self.values[event["trial_id"]] = event["values"]

    def check_another(self, folder: Path) -> None:
        """Raises if a search would start from its own project."""
        for path in self.paths:
            if os.path.realpath(self._places[path]) == os.path.realpath(folder):
                raise ValueError(
                    "`warm_start` must be the folder of another project. "
                    f"Received: warm_start={path!r}, which is this search's "
                    "own. To start anew from it use another `project_name`."
                )

    def read(
        self, objective: kt.Objective, computable: Collection[str] = ()
    ) -> None:
        """Reads the projects that the journal does not tell of.

        Raises:
            ValueError: See `read_project`.
        """
        for path in self.paths:
            if path not in self._done and path not in self._projects:
                self._projects[path] = read_project(
                    self._places[path], objective, computable
                )

    def events(
        self,
        describe: Callable[
            [PastTrial], tuple[dict[str, Any], dict[str, float]]
        ],
    ) -> Iterator[dict[str, Any]]:
        """Yields the lines of what was read and is not in the journal.

        Each is to be given to `note` before the next is asked for.

        Args:
            describe: Function that returns the record of the individual that
                a trial was, and the costs of its model. It raises ValueError
                if there is none.
        """
        for path in self.paths:
            if path in self._done:
                continue
            project = self._projects[path]
            outside = []
            for trial in project.trials:
                if trial.identity in self._known:
                    continue
                try:
                    record, costs = describe(trial)
                except (TypeError, ValueError, OverflowError) as error:
                    outside.append(f"trial {trial.trial_id}: {error}")
                    continue
                yield events.import_event(
                    f"{IMPORT}/{len(self.values)}",
                    trial.trial_id,
                    trial.values,
                    trial.metrics,
                    costs,
                    record,
                )
            taken = len(project.trials) - len(outside)
            yield events.warm_start_event(path, taken, len(outside))
            _warn_of_others(path, project, outside)


def check_untuned(
    searched: kt.HyperParameters,
    phenotype: Phenotype,
    values: dict[str, Value],
) -> None:
    """Raises if what is not searched had another value than it has here.

    Args:
        searched: The search space.
        phenotype: The `Phenotype` of a model that was evaluated elsewhere.
        values: Dict of all values that it had there.

    Raises:
        ValueError: It names the hyperparameter and both values.
    """
    for hp in private_api.new_entries(searched, phenotype.hyperparameters):
        if values.get(hp.name, hp.default) != hp.default:
            raise ValueError(
                f"Hyperparameter '{hp.name}' is not searched, so it must be "
                f"{hp.default!r}. Received: {values[hp.name]!r}"
            )


def _warn_of_others(
    path: str, project: PastProject, outside: list[str]
) -> None:
    """Warns of what was not imported."""
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
        warnings.warn(
            f"Not all trials of `warm_start` {path!r} were imported: "
            f"{printable('; '.join(reasons))}.",
            stacklevel=2,
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
