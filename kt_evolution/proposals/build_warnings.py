"""Warnings about models that can't be built, each of them once per process."""

from kt_evolution.project.project import Project
from kt_evolution.project.rejections import Mistake
from kt_evolution.project.rejections import is_bug
from kt_evolution.project.rejections import is_deliberate
from kt_evolution.project.rejections import is_from_user
from kt_evolution.project.rejections import is_over_limit
from kt_evolution.project.rejections import kind_of
from kt_evolution.user_warnings import warn_user


class BuildWarnings:
    """Warns of rejected models, of bugs and of values that can't be built.

    Args:
        project: The `Project` of the search.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._given: set[str] = set()

    def warn_of_rejected(self, problem: str) -> None:
        """Warns that a proposed model can't be built.

        Problems that an earlier process warned of are left out, unless they
        are bugs, and so are models that a limit or the user's own `raise`
        rejects.

        Args:
            problem: String, why the model was rejected.
        """
        if is_bug(problem):
            self._warn_of_mistake(Mistake(1, problem))
            return
        is_over = is_over_limit(problem)
        # The user wants such models to be rejected, but not one of the user's.
        # The summary at the end has them.
        is_wanted = is_over or is_deliberate(problem)
        if is_wanted and not is_from_user(problem):
            return
        if kind_of(problem) not in self._project.state.models.kinds_of_problems:
            what = "is over a limit" if is_over else "can't be built"
            self._warn(
                kind_of(problem),
                f"A proposed model {what} and was rejected before it cost a "
                f"trial. {problem}",
            )

    def warn_of_branches(self) -> None:
        """Warns of the values with which no model could be built so far."""
        for branch in self._project.state.models.branches.unbuilt():
            # The user knows about values that the user's own code rejects.
            if not branch.is_deliberate:
                self._warn(f"{branch.name}={branch.value!r}", str(branch))

    def warn_at_end(self) -> None:
        """Warns of branches and bugs that all models of the search show."""
        self.warn_of_branches()
        for mistake in self._project.state.models.branches.mistakes():
            self._warn_of_mistake(mistake)

    def _warn_of_mistake(self, mistake: Mistake) -> None:
        self._warn(f"mistake: {kind_of(mistake.problem)}", str(mistake))

    def _warn(self, key: str, message: str) -> None:
        if key not in self._given:
            self._given.add(key)
            warn_user(message)
