"""Standings: the best trials of a search, and its progress."""

import statistics
from collections.abc import Iterable
from typing import Any

import numpy as np
from keras_tuner.engine.trial import Trial
from keras_tuner.engine.trial import TrialStatus

from kt_evolution.algorithm.acquisition_search import ENUMERATION
from kt_evolution.algorithm.evolution import Evolution
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.history.rungs import rank_paused
from kt_evolution.algorithm.ranking import best_first
from kt_evolution.algorithm.ranking import front
from kt_evolution.costs.measurement import TRAIN_SECONDS
from kt_evolution.display.formatting import distances
from kt_evolution.display.formatting import failure_reason
from kt_evolution.display.formatting import pause_words
from kt_evolution.display.status import SearchStatus
from kt_evolution.display.status import TrialSummary
from kt_evolution.display.status import expected_of
from kt_evolution.display.status import origin_of
from kt_evolution.display.status import seconds_left
from kt_evolution.keras_tuner_bridge.objectives import objectives_of
from kt_evolution.keras_tuner_bridge.trial_metrics import value_of
from kt_evolution.project.closing import rejected_problems
from kt_evolution.project.closing import rejection_summary
from kt_evolution.project.issued_trial import IssuedTrial
from kt_evolution.project.project import Project
from kt_evolution.project.state import SearchState
from kt_evolution.stopping import SearchProgress
from kt_evolution.user_warnings import warn_user


class Standings:
    """Compares the completed trials of a search.

    Args:
        project: The `Project` of the search.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        # How many trials there were when no trial was within all limits.
        self._num_warned = 0

    @property
    def _state(self) -> SearchState:
        return self._project.state

    @property
    def _history(self) -> History:
        return self._project.state.history

    def _positions(self) -> np.ndarray:
        """Returns the completed individuals that have a trial."""
        return self._own(self._history.positions(Status.COMPLETED))

    def _own(self, positions: np.ndarray) -> np.ndarray:
        """Drops imported individuals, which have no trial here."""
        individuals = self._history.individuals
        is_own = [
            individuals[p].trial_id in self._state.trials for p in positions
        ]
        return positions[np.array(is_own, dtype=bool)]

    def best(self, num_trials: int) -> list[Trial]:
        """Returns the best completed trials, see `get_best_trials`."""
        with self._project.reading() as state:
            trials = self.ranked(num_trials)
            if trials and not state.ongoing_trials:
                self._warn_if_broken(trials[0])
            return trials

    def ranked(self, num_trials: int) -> list[Trial]:
        """Returns the trials of `best`, without a warning."""
        with self._project.reading():
            return self._trials_at(self._best_first()[:num_trials])

    def _best_first(self) -> np.ndarray:
        """Returns the completed individuals that have a trial, best first."""
        own = self._positions()
        order = best_first(
            self._history.objectives[own], self._history.violations[own]
        )
        return own[order]

    def front(self) -> list[Trial]:
        """Returns the Pareto front, see `get_pareto_trials`."""
        with self._project.reading() as state:
            members = self._front()
            if not len(members) and not state.ongoing_trials:
                for trial in self.ranked(1):
                    self._warn_if_broken(trial)
            return self._trials_at(members)

    def _front(self) -> np.ndarray:
        """Returns the individuals on the Pareto front."""
        own = self._positions()
        return own[
            front(self._history.objectives[own], self._history.violations[own])
        ]

    def recommended(self, num_trials: int, evolution: Evolution) -> list[Trial]:
        """Returns the trials that are likely to be best, see `recommend`."""
        with self._project.reading() as state:
            if not len(self._positions()):
                return []
            own = self._own(evolution.rank(state.history))
            return self._trials_at(own[:num_trials])

    def _trials_at(self, positions: Iterable[int]) -> list[Trial]:
        """Returns for each individual the best trial that trained it."""
        return [self._best_trial_of(position) for position in positions]

    def parents_of(self, trial_id: str) -> list[Trial]:
        """Returns the trials that trained a trial's parents, best first.

        Paused ones come after the completed ones. A model that is trained
        again has no parents. Where all models of a space were scored, the
        nearest ones stand for parents.

        Args:
            trial_id: String.
        """
        with self._project.reading() as state:
            if trial_id not in state.trials:
                # A trial made by hand.
                return []
            history = state.history
            individual = history.individual_of(trial_id)
            if trial_id != individual.trial_id:
                return []
            completed = self._best_first()
            known = np.concatenate([completed, self._own(rank_paused(history))])
            if individual.operator == ENUMERATION:
                return self._trials_at(self._nearest(trial_id, known))
            return self._trials_at(
                position
                for position in known
                if history.individuals[position].trial_id in individual.parents
            )

    def _nearest(self, trial_id: str, positions: np.ndarray) -> np.ndarray:
        """Returns the individuals that differ from a trial in fewest genes."""
        history, place = self._history, self._history.position_of(trial_id)
        counts = history.expressed[positions] | history.expressed[place]
        is_other = history.genomes[positions] != history.genomes[place]
        differences = np.sum(counts & is_other, axis=1)
        return positions[
            differences == differences.min(initial=counts.shape[1])
        ]

    def _best_trial_of(self, position: int) -> Trial:
        individual = self._history.individuals[position]
        trials = [
            self._state.trials[trial_id]
            for trial_id, evaluation in individual.evaluations.items()
            if evaluation is not None or trial_id in self._state.paused
        ]
        if self._history.num_objectives > 1:
            best = trials[0]
        else:
            best = min(trials, key=lambda one: self._state.sign * one.score)
        best.dormant = self._dormant(position)
        return best

    def _dormant(self, position: int) -> frozenset[str]:
        """Returns the names of hyperparameters that a model does not use."""
        genes = self._history.space.genes
        expressed = np.flatnonzero(self._history.expressed[position])
        used = {genes[i].name for i in expressed}
        return frozenset(gene.name for gene in genes) - used

    def _warn_if_broken(self, trial: Trial) -> None:
        """Warns if even the best trial breaks a limit, once a search."""
        number = len(self._state.trials)
        if not self._state.limits or self._num_warned == number:
            return
        broken = self._distances(trial)
        if broken:
            self._num_warned = number
            warn_user(
                "No trial is within all limits. Trial "
                f"{trial.trial_id} breaks them least: {', '.join(broken)}"
            )

    def used_values(self, trial: Trial) -> dict[str, Any]:
        """Returns the values that the model of a trial uses.

        Args:
            trial: The `Trial`.
        """
        with self._project.reading() as state:
            position = state.history.position_of(trial.trial_id)
            genes = state.history.space.genes
            used = {
                genes[i].name
                for i in np.flatnonzero(state.history.expressed[position])
            }
            known = {gene.name for gene in genes}
            return {
                name: value
                for name, value in trial.hyperparameters.values.items()
                if name in used or name not in known
            }

    def default_trial(self) -> Trial | None:
        """Returns the trial of the default values, if there is one."""
        with self._project.reading() as state:
            genome = state.history.space.default_genome()
            position = state.history.find(genome)
            if position < 0:
                return None
            individual = state.history.individuals[position]
            return state.trials.get(individual.trial_id or "")

    # Summaries.

    def progress(self) -> SearchProgress:
        """Returns the `SearchProgress` for stopping rules."""
        with self._project.reading():
            return self._progress()

    def _progress(self) -> SearchProgress:
        members = self._front()
        ids = {self._history.individuals[p].trial_id for p in members}
        ended = [
            one for one in self._state.end_order if self._is_completed(one)
        ]
        new = [one for one in ended if one not in self._history.reevaluations]
        places = [place for place, one in enumerate(new) if one in ids]
        is_single = self._history.num_objectives == 1
        # A later trial that is as good as the best is no improvement.
        last = (places[0] if is_single else places[-1]) if places else -1
        best = self._history.objectives[members[0], 0] if places else None
        return SearchProgress(
            num_completed=len(ended),
            num_since_best=len(new) - 1 - last,
            best=self._state.sign * float(best) if best is not None else None,
            direction=self._state.objective.direction,
            seconds=self._project.clock.seconds,
            epochs=self.num_epochs(),
        )

    def num_epochs(self) -> int:
        """Returns for how many epochs all trials together were trained.

        One that runs counts up to the epoch to which it is trained.
        """
        max_epochs = self._project.max_epochs
        if max_epochs is None:
            return 0
        trials = self._state.trials.values()
        return sum(self._epochs_of(trial, max_epochs) for trial in trials)

    def _epochs_of(self, trial: IssuedTrial, max_epochs: int) -> int:
        if trial.trained is not None:
            return trial.trained
        if trial.status == TrialStatus.COMPLETED:
            return max_epochs
        if trial.status == TrialStatus.RUNNING:
            return trial.epochs or max_epochs
        if trial.trial_id in self._history.reevaluations:
            return 0
        return self._history.individual_of(trial.trial_id).epochs_reached

    def rejection_notes(self) -> list[str]:
        """Returns why models were rejected, and which values never build."""
        summary = rejection_summary(rejected_problems(self._state))
        notes = [summary, *self._state.models.branches.lines()]
        return [note for note in notes if note]

    def paused_epochs(self) -> list[int]:
        """Returns the epochs at which trials are paused."""
        with self._project.reading() as state:
            return [
                state.history.individual_of(trial_id).epochs_reached
                for trial_id in state.paused
            ]

    def seconds_per_epoch(self) -> float:
        """Returns the median over all trials, 0 if it is not known."""
        rates = []
        for trial in self._state.trials.values():
            epochs = self._epochs_of(trial, self._project.max_epochs or 0)
            if epochs and trial.metrics.exists(TRAIN_SECONDS):
                rates.append(value_of(trial, TRAIN_SECONDS) / epochs)
        return statistics.median(rates) if rates else 0.0

    def trial_summary(
        self, trial: Trial, seconds: float | None, is_best: bool
    ) -> TrialSummary:
        """Returns a summary of an ended trial, for a display.

        Args:
            trial: The `Trial`.
            seconds: Float, how long it took since it was begun or resumed, or
                None.
            is_best: Boolean, whether no trial is better.
        """
        trial_id = trial.trial_id
        if seconds is not None and trial.metrics.exists(TRAIN_SECONDS):
            # Its training may have begun before an interruption or a pause.
            seconds = max(seconds, value_of(trial, TRAIN_SECONDS))
        is_paused = trial_id in self._state.paused
        # What was expected is the score in the end.
        expected = (
            None
            if is_paused
            else expected_of(self._history, trial_id, self._state.sign)
        )
        is_scored = is_paused or trial.status == TrialStatus.COMPLETED
        return TrialSummary(
            trial_id=trial_id,
            scores=self._scores_of(trial) if is_scored else (),
            is_best=is_best,
            expected=expected,
            origin=origin_of(self._history.individual_of(trial_id), trial_id),
            seconds=seconds,
            reason="" if is_scored else failure_reason(trial.message or ""),
            pause=self._pause_of(trial_id) if is_paused else "",
            promoted_at=self._promotions_of(trial_id),
        )

    def _pause_of(self, trial_id: str) -> str:
        """Returns where a trial is paused, in words."""
        reached = self._history.individual_of(trial_id).epochs_reached
        return pause_words(reached, self._project.max_epochs)

    def _promotions_of(self, trial_id: str) -> tuple[int, ...]:
        """Returns the rungs from which a trial was trained on."""
        if trial_id in self._history.reevaluations:
            return ()
        return self._history.individual_of(trial_id).epochs[:-1]

    def search_status(
        self, max_trials: int | None, time_budget: float
    ) -> SearchStatus:
        """Returns the status of the search, for a display.

        Args:
            max_trials: Int, or None for no limit.
            time_budget: Float, for how many seconds it may run.
        """
        with self._project.reading():
            return self._search_status(max_trials, time_budget)

    def _search_status(
        self, max_trials: int | None, time_budget: float
    ) -> SearchStatus:
        best = self.ranked(1)
        seconds = self._project.clock.seconds
        is_single = self._history.num_objectives == 1
        # Failed trials may wait for another chance.
        num_ended = len(
            {*self._state.end_order, *self._state.paused}.difference(
                self._state.retry_queue
            )
        )
        return SearchStatus(
            num_ended=num_ended,
            max_trials=max_trials,
            num_paused=len(self._state.paused),
            num_running=len(self._state.ongoing_trials),
            num_rejected=len(self._history.positions(Status.REJECTED)),
            best_trial_id=best[0].trial_id if best else None,
            best=self._scores_of(best[0]) if best else (),
            num_on_front=0 if is_single else len(self._front()),
            seconds=seconds,
            seconds_left=seconds_left(
                seconds, num_ended, max_trials, time_budget
            ),
            broken=self._distances(best[0]) if best else (),
            best_trial=(
                self.trial_summary(best[0], None, True) if best else None
            ),
        )

    def _distances(self, trial: Trial) -> tuple[str, ...]:
        return distances(
            self._state.limits, self._state.scoring.metrics_of(trial)
        )

    def _scores_of(self, trial: Trial) -> tuple[float, ...]:
        return tuple(
            value_of(trial, one.name)
            for one in objectives_of(self._state.objective)
        )

    def _is_completed(self, trial_id: str) -> bool:
        return self._state.trials[trial_id].status == TrialStatus.COMPLETED
