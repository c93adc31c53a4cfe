"""A hypermodel that is edited between two runs: the search goes on with it."""

import itertools
import json
import warnings

import pytest
from tuner_helpers import ScoringTuner
from tuner_helpers import empty_model
from tuner_helpers import trials_of

EIGHT = list("abcdefgh")


class Killed(BaseException):
    """Ends a search as a kill does: nothing that follows is run."""


class Build:
    """A build function that knows what it was asked to build."""

    def __init__(self, ask):
        self.ask = ask
        self.asked = None

    def __call__(self, hp):
        self.asked = self.ask(hp)
        return empty_model()


class Search:
    """Runs of one project with different build functions."""

    def __init__(self, folder, surrogate=None, **options):
        self.folder = folder
        self.options = {"surrogate": surrogate, **options}
        # What each trial really trained, by run.
        self.trained = []

    def run(self, ask, max_trials=None, kill_at=None):
        """Searches, and returns the tuner."""
        models = []
        tuner = ScoringTuner(
            build := Build(ask),
            max_trials=max_trials,
            seed=0,
            num_initial_points=3,
            population_size=4,
            directory=self.folder,
            project_name="p",
            **self.options,
        )

        def score(hp):
            build(hp)
            if len(models) == kill_at:
                raise Killed
            models.append(build.asked)
            return float(sum(map(ord, str(build.asked))) % 17)

        try:
            tuner.search(score)
        except Killed:
            pass
        self.trained.append(models)
        return tuner

    def lines(self):
        path = self.folder / "p" / "journal.jsonl"
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        for line in lines:
            for name in ("time", "session", "seconds", "began"):
                line.pop(name, None)
        runs = ("start", "build", "interrupted")
        return [line for line in lines if line["event"] not in runs]


def first(hp):
    return hp.Choice("units", EIGHT), hp.Boolean("bias")


def renamed(hp):
    return hp.Choice("width", EIGHT), hp.Boolean("bias")


def all_renamed(hp):
    return hp.Choice("width", EIGHT), hp.Boolean("shift")


def removed(hp):
    return (hp.Choice("units", EIGHT),)


def reordered(hp):
    return tuple(reversed((hp.Boolean("bias"), hp.Choice("units", EIGHT))))


def added(hp):
    return *first(hp), hp.Choice("act", ["relu", "tanh"])


def added_first(hp):
    act = hp.Choice("act", ["relu", "tanh"])
    return *first(hp), act


def added_in_a_branch(hp):
    units, bias = first(hp)
    return units, bias, hp.Choice("init", [0, 1, 2]) if bias else None


def under_a_condition(hp):
    bias = hp.Boolean("bias")
    with hp.conditional_scope("bias", [True]):
        units = hp.Choice("units", EIGHT) if bias else None
    return units, bias


def fixed(hp):
    return hp.Choice("units", EIGHT), hp.Fixed("mode", "x")


def every_model(ask):
    """Returns all that a build function can build."""
    found, tried = set(), set()

    class Values:
        def __init__(self, answers):
            self.answers, self.met = answers, []

        def _answer(self, name, values):
            self.met.append((name, tuple(values)))
            return self.answers.get(name, values[0])

        def Choice(self, name, values):
            return self._answer(name, values)

        def Boolean(self, name):
            return self._answer(name, [False, True])

        def Fixed(self, name, value):
            return value

        def conditional_scope(self, *_):
            import contextlib

            return contextlib.nullcontext()

    waiting = [{}]
    while waiting:
        answers = waiting.pop()
        hp = Values(answers)
        found.add(ask(hp))
        for name, values in hp.met:
            for value in values:
                more = {**answers, name: value}
                key = tuple(sorted(more.items(), key=str))
                if key not in tried:
                    tried.add(key)
                    waiting.append(more)
    return found


EDITS = [
    renamed,
    all_renamed,
    removed,
    reordered,
    added,
    added_first,
    added_in_a_branch,
    under_a_condition,
    fixed,
]


def known_by_defaults(ask, models):
    """Returns which models were trained before, what is new at its default."""
    if ask in (added, added_first):
        return {(*model, "relu") for model in models}
    if ask is added_in_a_branch:
        return {(*model, 0 if model[1] else None) for model in models}
    if ask is reordered:
        return set(models)
    return set()


@pytest.mark.parametrize("ask", EDITS, ids=lambda ask: ask.__name__)
@pytest.mark.parametrize("surrogate", [None, "gaussian_process"])
def test_all_that_is_left_is_searched_and_nothing_twice(
    tmp_path, ask, surrogate, capsys
):
    search = Search(tmp_path, surrogate)
    search.run(first, 4)
    tuner = search.run(ask)
    before, after = search.trained
    assert len(before) == len(set(before)) == 4
    assert len(after) == len(set(after))
    everything = every_model(ask)
    known = known_by_defaults(ask, before) & everything
    if ask is under_a_condition:
        # A model without bias has no units, whichever it had before.
        known = {model for model in before if model[1]}
    assert set(after) == everything - known
    assert tuner.oracle.stop_reason.startswith("every model of the search")
    assert "hypermodel was edited" in capsys.readouterr().out


def test_the_issue_of_one_gene_that_is_renamed(tmp_path):
    sixteen = [8 * i for i in range(1, 17)]
    search = Search(tmp_path, "gaussian_process")
    search.run(lambda hp: hp.Choice("units", sixteen), 4)
    tuner = search.run(lambda hp: hp.Choice("width", sixteen), 14)
    assert len(trials_of(tuner, "COMPLETED")) == 14
    search.run(lambda hp: hp.Choice("width", sixteen))
    _, some, rest = search.trained
    assert sorted(some + rest) == sixteen


def test_an_unedited_hypermodel_goes_on_as_if_never_stopped(tmp_path, capsys):
    whole = Search(tmp_path / "whole", "gaussian_process")
    whole.run(first)
    parts = Search(tmp_path / "parts", "gaussian_process")
    for kill_at in (3, 6, None, None):
        parts.run(first, kill_at=kill_at)
    assert list(itertools.chain(*parts.trained)) == whole.trained[0]
    assert parts.lines() == whole.lines()
    assert "was edited" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "ask", [renamed, all_renamed, added_in_a_branch, reordered]
)
@pytest.mark.parametrize("surrogate", [None, "gaussian_process"])
def test_a_trial_that_ran_at_an_edit_is_the_model_that_it_trains_then(
    tmp_path, ask, surrogate, capsys
):
    search = Search(tmp_path, surrogate)
    search.run(first, kill_at=3)
    assert "was edited" not in capsys.readouterr().out
    tuner = search.run(ask)
    before, after = search.trained
    assert len(before) == 3
    assert len(after) == len(set(after))
    known = known_by_defaults(ask, before) & every_model(ask)
    assert set(after) == every_model(ask) - known
    assert tuner.oracle.trials["0003"].status == "COMPLETED"
    assert capsys.readouterr().out.count("was edited") == 1


@pytest.mark.parametrize("kill_at", [0, 2])
def test_killed_again_after_an_edit_while_a_trial_ran(tmp_path, kill_at):
    whole, killed = (Search(tmp_path / name) for name in ("whole", "killed"))
    for search in (whole, killed):
        search.run(first, kill_at=3)
    whole.run(all_renamed)
    killed.run(all_renamed, kill_at=kill_at)
    killed.run(all_renamed)
    assert killed.lines() == whole.lines()
    assert killed.trained[1] + killed.trained[2] == whole.trained[1]


def test_several_edits_in_a_row(tmp_path):
    search = Search(tmp_path)
    for ask in (first, renamed, added, removed, added, first):
        search.run(ask, len(search.trained) * 4 + 4)
    search.run(added)
    runs = search.trained
    assert [len(models) for models in runs[:-1]] == [4] * 6
    of_added = [*runs[2], *runs[4], *runs[6]]
    assert len(of_added) == len(set(of_added))
    # What a model was not asked for has its default.
    known = {(*model, "relu") for model in runs[0] + runs[5]}
    known |= {(units, False, "relu") for (units,) in runs[3]}
    assert set(of_added) >= every_model(added) - known
    assert not known & set(runs[6])


@pytest.mark.parametrize("kill_at", [0, 1, 4])
@pytest.mark.parametrize("ask", [renamed, added_in_a_branch, reordered])
def test_killed_after_an_edit(tmp_path, ask, kill_at):
    whole, killed = (Search(tmp_path / name) for name in ("whole", "killed"))
    for search in (whole, killed):
        search.run(first, 4)
    whole.run(ask)
    killed.run(ask, kill_at=kill_at)
    killed.run(ask)
    assert killed.lines() == whole.lines()
    assert killed.trained[1] + killed.trained[2] == whole.trained[1]


def test_what_was_mended_is_tried(tmp_path):
    def broken(hp):
        units = hp.Choice("units", EIGHT)
        if units in "cd":
            raise ValueError("These can't be built.")
        return (units,)

    search = Search(tmp_path)
    with warnings.catch_warnings():
        # They are the user's own, which the summary at the end has.
        warnings.simplefilter("error", UserWarning)
        tuner = search.run(broken)
    assert tuner.oracle.stop_reason.endswith("2 of which can't be trained")
    search.run(lambda hp: (hp.Choice("units", EIGHT),))
    assert set(search.trained[1]) == {("c",), ("d",)}


def test_an_edit_that_no_known_model_shows(tmp_path):
    """Only models that were never built ask otherwise."""

    def branches(hp):
        kind = hp.Choice("kind", ["a", "b", "c"])
        return kind, hp.Choice("size", EIGHT) if kind == "a" else None

    def edited(hp):
        kind = hp.Choice("kind", ["a", "b", "c"])
        return kind, hp.Choice("size", EIGHT) if kind != "b" else None

    search = Search(tmp_path)
    search.run(branches, 5)
    search.run(edited)
    before, after = search.trained
    assert ("c", None) in before
    assert set(before + after) >= every_model(edited) - {("c", "a")}
    assert len(after) == len(set(after))


def test_imported_models_are_not_trained_after_an_edit(tmp_path):
    Search(tmp_path / "past").run(first, 5)
    past = tmp_path / "past" / "p"
    search = Search(tmp_path / "new", warm_start=past)
    search.run(first, 3)
    search.run(added)
    before, after = search.trained
    imported = {
        tuple(line["values"].values())
        for line in search.lines()
        if line["event"] == "import"
    }
    assert len(imported) == 5
    known = {(*model, "relu") for model in {*before, *imported}}
    assert set(after) == every_model(added) - known
