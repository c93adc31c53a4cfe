"""A value with which no model can be built is said loudly, and where."""

import warnings

import keras
import pytest
from tuner_helpers import ScoringTuner
from tuner_helpers import empty_model
from tuner_helpers import trials_of

import kt_evolution
from kt_evolution.algorithm.space.genes import CategoricalGene
from kt_evolution.algorithm.space.genes import ContinuousGene
from kt_evolution.algorithm.space.scales import Scale
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.project.rejections import BranchTally
from kt_evolution.project.rejections import Mistake
from kt_evolution.project.rejections import by_kind
from kt_evolution.project.rejections import is_error
from kt_evolution.reporting import read_search
from kt_evolution.reporting.command_line import main


def search(folder, build, max_trials=10, **kwargs):
    """Returns the tuner after its search, and what it warned of."""
    tuner = ScoringTuner(
        build, max_trials=max_trials, seed=0, directory=folder, **kwargs
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tuner.search(lambda hp: float(hp.get("units")))
    return tuner, [str(warning.message) for warning in caught]


def branches_of(tuner):
    return {
        (branch.name, branch.value)
        for branch in tuner.oracle._project.state.models.branches.unbuilt()
    }


def declares_none(hp):
    """Asks for what can't be searched, behind a plain `if`."""
    hp.Int("units", 1, 16)
    if hp.Boolean("regularized"):
        hp.Choice("rate", [0.1, None])
    return empty_model()


def fails_at_once(hp):
    """Fails before anything else is asked for."""
    if hp.Boolean("regularized"):
        hp.nothing()
    hp.Int("units", 1, 1000)
    return empty_model()


def has_two_kinds_of_mistakes(hp):
    hp.Float("rate", 0.0, 1.0)
    hp.Int("units", 1, 1000)
    kind = hp.Choice("kind", ["dense", "conv", "typo"])
    inputs = keras.Input((3, 3, 1))
    x = inputs
    if kind == "conv":
        x = keras.layers.Conv2D(2, 5)(x)
    if kind == "typo":
        x = keras.layers.Dense(unit=2)(x)
    return keras.Model(inputs, keras.layers.Dense(1)(x))


def fails_in_the_third_layer(hp):
    hp.Int("units", 1, 1000)
    for i in range(hp.Int("layers", 1, 3)):
        hp.Float(f"rate_{i}", 0.0, 1.0)
        if i == 2:
            {}["layer"]
    return empty_model()


CASES = {
    "declaration": (declares_none, {("regularized", True)}),
    "at once": (fails_at_once, {("regularized", True)}),
    "layers": (
        has_two_kinds_of_mistakes,
        {("kind", "conv"), ("kind", "typo")},
    ),
    "loop": (fails_in_the_third_layer, {("layers", 3)}),
}


@pytest.mark.parametrize("name", CASES)
def test_a_branch_that_never_builds_is_said_once(tmp_path, name):
    build, expected = CASES[name]
    tuner, messages = search(tmp_path, build, max_trials=15)
    assert len(trials_of(tuner, "COMPLETED")) == 15
    assert branches_of(tuner) == expected
    for branch in tuner.oracle._project.state.models.branches.unbuilt():
        assert not branch.is_deliberate
        start = f"No model with {branch.name}={branch.value!r} could be built"
        assert sum(text.startswith(start) for text in messages) == 1
        assert "test_unbuilt_branches.py, line" in branch.problem


def test_what_never_builds_is_in_the_summary_the_report_and_on_the_command_line(
    tmp_path, capsys
):
    tuner, _ = search(tmp_path, declares_none)
    (branch,) = tuner.oracle._project.state.models.branches.unbuilt()
    capsys.readouterr()
    tuner.results_summary()
    assert f"WARNING: {branch}" in capsys.readouterr().out
    assert main(["show", str(tuner.project_dir)]) == 0
    shown = capsys.readouterr().out
    assert f"WARNING: {branch}" in shown
    assert f"{branch.num_rejected} times: SpaceError" in shown
    text = tuner.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "No model with regularized=True could be built" in text
    assert f"{branch.num_rejected} times: SpaceError" in text


def test_what_never_builds_is_known_after_a_restart(tmp_path):
    whole, _ = search(tmp_path / "whole", has_two_kinds_of_mistakes, 15)
    search(tmp_path / "parts", has_two_kinds_of_mistakes, 9)
    parts, messages = search(tmp_path / "parts", has_two_kinds_of_mistakes, 15)
    found = whole.oracle._project.state.models.branches.unbuilt()
    assert len(found) == 2
    assert parts.oracle._project.state.models.branches.unbuilt() == found
    assert str(found[0]).startswith("No model with kind='conv'")
    said = [text.split(" could")[0] for text in messages if "No model" in text]
    assert sorted(said) == [
        "No model with kind='conv'",
        "No model with kind='typo'",
    ]
    assert read_search(parts).unbuilt_branches == found
    # A search at its end says it too.
    again, messages = search(tmp_path / "parts", has_two_kinds_of_mistakes, 15)
    assert [text for text in messages if "No model with" in text] == [
        str(branch) for branch in found
    ]


def test_what_is_rejected_after_the_last_trial_is_read(tmp_path):
    def build(hp):
        if hp.Choice("units", [1, 2, 3]) == 3:
            raise ValueError("three is too many")
        return empty_model()

    tuner, _ = search(tmp_path, build)
    assert len(trials_of(tuner)) == 2
    assert branches_of(tuner) == {("units", 3)}
    (rejection,) = read_search(tuner).rejections
    assert rejection.values == {"units": 3}
    assert "three is too many" in rejection.problem
    journal = tuner.oracle._project.folder / "journal.jsonl"
    before = journal.read_text()
    again, _ = search(tmp_path, build)
    assert branches_of(again) == {("units", 3)}
    assert journal.read_text() == before


def test_a_build_that_was_corrected_gets_another_chance_at_the_end(tmp_path):
    is_corrected = False

    def build(hp):
        if hp.Choice("units", [1, 2, 3]) == 3 and not is_corrected:
            raise ValueError("three is too many")
        return empty_model()

    search(tmp_path, build)
    is_corrected = True
    tuner, messages = search(tmp_path, build)
    assert len(trials_of(tuner, "COMPLETED")) == 3
    assert not branches_of(tuner)
    assert not read_search(tuner).rejections


def test_values_that_fit_with_others_are_no_unbuilt_branches(tmp_path):
    def build(hp):
        units = hp.Int("units", 0, 999)
        groups = hp.Choice("groups", [1, 2, 3])
        if units % groups:
            raise ValueError(f"{units} units in {groups} groups")
        return empty_model()

    tuner, messages = search(tmp_path, build, max_trials=30)
    assert read_search(tuner).rejections
    assert not branches_of(tuner)
    assert not read_search(tuner).unbuilt_branches


@pytest.mark.parametrize(
    "kwargs",
    [
        {"max_model_size": 500},
        {"limits": [kt_evolution.Limit("params", max=500)]},
        {"limits": [kt_evolution.Limit(lambda hp: not hp["wide"])]},
    ],
)
def test_a_branch_that_breaks_a_limit_is_no_mistake(tmp_path, kwargs):
    def build(hp):
        hp.Int("units", 1, 1000)
        units = 100 if hp.Boolean("wide") else 1
        return keras.Sequential([keras.Input((10,)), keras.layers.Dense(units)])

    tuner, messages = search(tmp_path, build, **kwargs)
    assert read_search(tuner).rejections
    assert not branches_of(tuner)
    assert not read_search(tuner).unbuilt_branches


# The tally, by hand.

SPACE = SearchSpace(
    [
        CategoricalGene("a", ("x", "y", "z"), "x"),
        CategoricalGene("b", ("x", "y"), "x"),
        ContinuousGene("c", Scale(0.0, 1.0, "linear"), 0.0),
    ]
)
ERROR = "ValueError: no"


def tally_of(*models):
    tally = BranchTally()
    for a, b, c, problem in models:
        tally.add(SPACE, {"c": c, "a": a, "b": b}, problem)
    return [(one.name, one.value) for one in tally.unbuilt()]


OTHER = "TypeError: other"
RAISED = "ValueError: no (raised in model.py, line 3)"
BUG = "TypeError: no (mistake in model.py, line 3)"


def test_three_rejected_models_and_none_that_was_built_are_a_branch():
    built = ("x", "x", 0.0, None)
    rejected = [("y", "x", c, ERROR) for c in (0.1, 0.2, 0.3)]
    assert tally_of(built, *rejected[:2]) == []
    assert tally_of(built, *rejected) == [("a", "y")]
    assert tally_of(built, *rejected, ("y", "x", 0.5, None)) == []
    assert tally_of(built, *rejected, ("y", "x", 0.5, "It has 9 params")) == []
    # Where nothing at all was built the cause lies elsewhere.
    assert tally_of(*rejected) == []


def test_what_one_branch_explains_is_no_evidence_against_another():
    built = [("x", "x", 0.0, None), ("z", "x", 0.0, None)]
    together = [("y", "y", c, ERROR) for c in (0.1, 0.2, 0.3)]
    alone = ("y", "x", 0.4, ERROR)
    assert tally_of(*built, *together, alone) == [("a", "y")]
    # Of equal ones the value that was asked for last.
    assert tally_of(*built, *together) == [("b", "y")]


def test_a_value_is_not_blamed_where_the_others_fail_as_often():
    built = [("x", "x", 0.0, None)]
    others = [("x", "x", 0.1 * i, ERROR) for i in range(8)]
    rejected = [("y", "x", 0.1 * i, ERROR) for i in range(9)]
    assert tally_of(*built, *others, *rejected[:3]) == []
    others = [("x", "x", 0.1 * i, OTHER) for i in range(8)]
    # Half of the others fail, so 5 failures in a row are needed.
    built = [("x", "x", 0.1 * i, None) for i in range(8)]
    assert tally_of(*built, *others, *rejected[:4]) == []
    assert tally_of(*built, *others, *rejected[:5]) == [("a", "y")]


def test_an_error_that_depends_on_other_values_needs_more_evidence():
    built = [("x", "x", 0.1 * i, None) for i in range(5)]
    same = [("y", "x", 0.1 * i, ERROR) for i in range(30)]
    assert tally_of(*built, *same[:1]) == []
    assert tally_of(*built, *same[:2]) == [("a", "y")]
    for problems in (
        # Its numbers are those of other values.
        [f"ValueError: {i} of 8" for i in range(30)],
        # The user's code turns down a combination of values, most likely.
        [RAISED] * 30,
    ):
        turned_down = [("y", "x", 0.1 * i, p) for i, p in enumerate(problems)]
        assert tally_of(*built, *turned_down[:18]) == []
        assert tally_of(*built, *turned_down[:19]) == [("a", "y")]
    # Models with another value meet it too.
    assert tally_of(*built, ("x", "x", 0.9, ERROR), *same[:18]) == []
    assert tally_of(*built, ("x", "x", 0.9, OTHER), *same[:18]) == [("a", "y")]


def test_mistakes_that_a_branch_explains_are_not_told_of_twice():
    tally = BranchTally()
    for i in range(3):
        tally.add(SPACE, {"c": 0.1 * i, "a": "x"}, None)
    tally.add(SPACE, {"c": 0.7, "a": "x"}, BUG)
    tally.add(SPACE, {"c": 0.8, "a": "x"}, ERROR)
    tally.add(SPACE, {"c": 0.9, "a": "x"}, RAISED)
    tally.add(SPACE, {"c": 0.9, "a": "x"}, BUG)
    assert tally.mistakes() == [Mistake(2, BUG)]
    assert "2 models rejected so far" in str(Mistake(2, BUG))
    for i in range(6):
        tally.add(SPACE, {"c": 0.1 * i, "a": "y"}, BUG.replace("no", "other"))
    assert [branch.value for branch in tally.unbuilt()] == ["y"]
    assert tally.mistakes() == [Mistake(2, BUG)]


def test_what_the_users_code_turns_down_is_said_in_the_summary_only(
    tmp_path, capsys
):
    def build(hp):
        units = hp.Int("units", 2, 12)
        if units % 4:
            raise ValueError
        hp.Float("rate", 0.0, 1.0)
        return empty_model()

    tuner, messages = search(tmp_path, build, max_trials=20)
    assert ("units", 3) in branches_of(tuner)
    assert all(
        b.is_deliberate
        for b in tuner.oracle._project.state.models.branches.unbuilt()
    )
    assert messages == []
    capsys.readouterr()
    tuner.results_summary()
    shown = capsys.readouterr().out
    assert "\nNo model with units=3 could be built so far (1 prop" in shown
    assert "WARNING" not in shown


@pytest.mark.parametrize("fails", ["bug", "declaration"])
def test_a_mistake_behind_a_condition_on_a_float_is_said_loudly(
    tmp_path, capsys, fails
):
    def build(hp):
        rate = hp.Float("units", 0.0, 1.0)
        if rate > 0.5:
            None.rate if fails == "bug" else hp.Choice("kind", [1, None])
        return empty_model()

    def said(texts):
        return sum("The build function has a mistake" in one for one in texts)

    tuner, messages = search(tmp_path, build)
    assert said(messages) == 1
    (mistake,) = tuner.oracle._project.state.models.branches.mistakes()
    assert "(mistake in test_unbuilt_branches.py, line" in mistake.problem
    assert read_search(tuner).mistakes == [mistake]
    # A process that finds it in the journal says it too.
    tuner, messages = search(tmp_path, build)
    assert said(messages) == 1
    capsys.readouterr()
    tuner.results_summary()
    assert main(["show", str(tuner.project_dir)]) == 0
    shown = capsys.readouterr().out
    assert shown.count(f"WARNING: {mistake}") == 2


def test_values_that_are_turned_down_blame_no_other_hyperparameter(tmp_path):
    def build(hp):
        units = hp.Int("units", 1, 900)
        hp.Choice("groups", [2, 3, 4, 5, 6])
        if units % 4:
            raise ValueError(f"{units} units")
        return empty_model()

    tuner, messages = search(tmp_path, build, max_trials=30)
    assert len(read_search(tuner).rejections) > 5
    assert [text for text in messages if "No model with" in text] == []


def test_a_branch_of_fewer_models_needs_no_more_rejections():
    tally = BranchTally()
    tally.add(SPACE, {"a": "x", "b": "x"}, None)
    tally.add(SPACE, {"a": "y"}, ERROR)
    assert [branch.value for branch in tally.unbuilt()] == ["y"]
    tally.add(SPACE, {"b": "x", "a": "z"}, ERROR)
    assert [branch.value for branch in tally.unbuilt()] == ["y"]
    tally.add(SPACE, {"b": "y", "a": "z"}, ERROR)
    assert {branch.value for branch in tally.unbuilt()} == {"y", "z"}


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        ("ValueError: no (model.py, line 3)", True),
        ("`initial_population[3]`: KeyError: 'x'", True),
        ("OversizedModelError: The model is larger than 3", False),
        ("It has 1,000 params: Limit", False),
        ("It is not allowed by Limit(f).", False),
        ("It is the same model as an earlier one.", False),
        (None, False),
    ],
)
def test_errors_are_told_from_limits(problem, expected):
    assert is_error(problem) is expected


def test_problems_that_differ_in_numbers_are_of_one_kind():
    problems = ["E: 3 of 4", "F: 1.5", "E: 12 of 0.25"]
    assert by_kind(problems) == [["E: 3 of 4", "E: 12 of 0.25"], ["F: 1.5"]]
