"""Models that end the process that builds them, again and again."""

import contextlib
import json
import os
import signal
import sys

import pytest

import kt_evolution
from kt_evolution.project.reader import read_stored
from tests.project import searches

SPACE = [1, 2, 3, 4, 5, 6]


def build_model(hp):
    """A build that ends the process with some values of "width"."""
    import keras

    hp.Choice("width", SPACE)
    hp.Boolean("bias")
    return keras.Sequential()


def make_tuner(folder, deaths, **kwargs):
    """Returns a tuner; `deaths` has what building a width does."""

    def build(hp):
        model = build_model(hp)
        width = hp.get("width")
        if width in deaths:
            searches.note(folder / "log.txt", f"built {width} {hp.get('bias')}")
            deaths[width]()
        return model

    class Tuner(kt_evolution.EvolutionTuner):
        def run_trial(self, trial, *args, **kwargs):
            searches.note(folder / "log.txt", f"begun {trial.trial_id}")
            return float(trial.hyperparameters.get("width"))

    options = {
        "max_trials": 20,
        "seed": 0,
        "directory": folder,
        "project_name": "project",
        **kwargs,
    }
    return Tuner(build, **options)


DEATHS = {
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "segmentation fault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "exit": lambda: os._exit(3),
}


def search_that_dies(folder, widths, how="exit", **kwargs):
    deaths = dict.fromkeys(widths, DEATHS[how])
    make_tuner(folder, deaths, **kwargs).search(verbose=0)


def num_processes(folder, *args, **kwargs):
    """Searches until a process ends well, and returns how many it took."""
    for number in range(1, 50):
        process = searches.start(search_that_dies, folder, *args, **kwargs)
        process.join()
        if process.exitcode == 0:
            return number
        assert process.exitcode != 1, searches.output(folder)
    raise AssertionError("The search never ends.")


def models(folder):
    """Returns the values that were trained, in order."""
    return [
        tuple(event["values"].values())
        for event in searches.events(folder)
        if event["event"] == "trial"
    ]


def rejected(folder):
    """Returns the problems of the models that were rejected."""
    found = []
    for event in searches.events(folder):
        found += event.get("record", event).get("rejected", [])
    return [one["problem"] for one in found]


def builds(folder):
    """Returns the models whose builds were to end something, in order."""
    path = folder / "log.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    return [line for line in lines if line.startswith("built")]


@pytest.mark.parametrize(
    ("how", "limit"),
    [
        ("killed", 1),
        pytest.param("exit", 3, marks=pytest.mark.slow),
        pytest.param("segmentation fault", 2, marks=pytest.mark.slow),
    ],
)
def test_other_models_are_trained(tmp_path, how, limit):
    options = {"max_starts_per_trial": limit}
    # Two models have the width.
    assert num_processes(tmp_path, [4], how, **options) == 1 + 2 * limit
    fatal = sorted(builds(tmp_path))
    assert fatal == sorted(
        limit * [f"built 4 {bias}" for bias in (False, True)]
    )
    trained = models(tmp_path)
    assert sorted(trained) == sorted(
        (width, bias) for width in SPACE for bias in (False, True) if width != 4
    )
    assert len(searches.begun(tmp_path)) == len(trained)
    problems = rejected(tmp_path)
    assert len(problems) == 2
    for problem in problems:
        assert problem.startswith(
            f"FatalBuildError: The build was started {limit} times and never "
            "came to an end"
        )
        assert f"max_starts_per_trial={limit}" in problem
    # A reader gets the same message, and no process dies again.
    stored = read_stored(tmp_path / "project")
    assert len(stored.trials) == len(trained) and not stored.damaged
    assert num_processes(tmp_path, [4], how, **options) == 1
    assert len(builds(tmp_path)) == 2 * limit


@pytest.mark.parametrize(
    "surrogate",
    [None, pytest.param("gaussian_process", marks=pytest.mark.slow)],
)
def test_search_in_many_parts_is_that_in_one(tmp_path, surrogate):
    options = {"surrogate": surrogate, "max_starts_per_trial": 1}
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    num_processes(whole, [2, 5], **options)
    for max_trials in range(3, 21, 4):
        num_processes(killed, [2, 5], **options, max_trials=max_trials)
    assert models(killed) == models(whole)
    assert rejected(killed) == rejected(whole)
    assert builds(killed) == builds(whole)


def test_given_model_is_named(tmp_path):
    options = {
        "max_starts_per_trial": 2,
        "max_trials": 3,
        "initial_population": [{"width": 6}, {"width": 5}],
    }
    assert num_processes(tmp_path, [6], **options) == 3
    (problem,) = rejected(tmp_path)
    assert problem.startswith("`initial_population[0]`: FatalBuildError: ")
    assert models(tmp_path)[0][0] == 5


def test_a_value_with_which_each_build_dies_is_reported(tmp_path):
    options = {"max_starts_per_trial": 1, "surrogate": None}
    num_processes(tmp_path, [4], **options)
    tuner = make_tuner(tmp_path, {})
    (branch,) = tuner.oracle._project.state.models.branches.unbuilt()
    assert (branch.name, branch.value) == ("width", 4)


def test_larger_limit_gives_a_mended_model_another_chance(tmp_path):
    options = {"max_starts_per_trial": 1, "max_trials": 20}
    num_processes(tmp_path, [4], **options)
    assert len(models(tmp_path)) == 10
    options["max_starts_per_trial"] = 2
    assert num_processes(tmp_path, [], **options) == 1
    assert len(models(tmp_path)) == 12


def test_model_of_an_earlier_run_may_have_become_fatal(tmp_path):
    """The models of earlier runs are built again to find edits."""
    num_processes(tmp_path, [], max_trials=6)
    trained = models(tmp_path)
    width = next(width for width, _ in trained[1:] if width != SPACE[0])
    options = {"max_starts_per_trial": 2}
    num_processes(tmp_path, [width], **options)
    assert models(tmp_path)[:6] == trained
    assert width not in [found for found, _ in models(tmp_path)[6:]]
    assert sorted(builds(tmp_path)) == sorted(2 * list(set(builds(tmp_path))))
    assert len(set(models(tmp_path))) == len(models(tmp_path))


class Interruption:
    """Raises its error, if it has one."""

    def __init__(self, error):
        self.error = error

    def __call__(self):
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), NameError("x")])
def test_interrupted_builds_do_not_count(tmp_path, error, restarts):
    interruption = Interruption(error)
    options = {"max_starts_per_trial": 2, "max_trials": 12}
    tuner = make_tuner(tmp_path, {4: interruption}, **options)
    for number in range(1, 5):
        # Ctrl-C is raised on only where there is no result yet.
        with contextlib.suppress(type(error)):
            tuner.search(verbose=0)
        assert len(builds(tmp_path)) == number
        if restarts:
            tuner = make_tuner(tmp_path, {4: interruption}, **options)
    interruption.error = None
    tuner.search(verbose=0)
    assert len(models(tmp_path)) == 12
    assert rejected(tmp_path) == []


def search_with_sigterm(folder, *args):
    """Searches; SIGTERM arrives while a model is built."""
    make_tuner(
        folder, {4: lambda: os.kill(os.getpid(), signal.SIGTERM)}
    ).search(verbose=0)


def test_sigterm_in_a_build_ends_the_process_and_does_not_count(tmp_path):
    for _ in range(4):
        process = searches.start(search_with_sigterm, tmp_path)
        process.join()
        assert process.exitcode == -signal.SIGTERM
    assert num_processes(tmp_path, []) == 1
    assert len(models(tmp_path)) == 12
    assert rejected(tmp_path) == []


def test_sys_exit_in_a_build_rejects_the_model_at_once(tmp_path):
    tuner = make_tuner(tmp_path, {4: lambda: sys.exit(3)})
    tuner.search(verbose=0)
    assert len(models(tmp_path)) == 10
    assert [one[:10] for one in rejected(tmp_path)] == 2 * ["SystemExit"]


def test_builds_that_end_are_never_held_against_a_model(tmp_path):
    """Each run ends well; a rejected model is built again in each."""

    def fails():
        raise ValueError("No such width.")

    for _ in range(4):
        tuner = make_tuner(tmp_path, {4: fails}, max_starts_per_trial=1)
        tuner.search(verbose=0)
    assert {one[:10] for one in rejected(tmp_path)} == {"ValueError"}
    # Once the build is fixed, the model is tried.
    make_tuner(tmp_path, {}, max_starts_per_trial=1).search(verbose=0)
    assert len(models(tmp_path)) == 12


def test_ranges_may_change_until_there_is_a_trial(tmp_path):
    """A line of a build does not fix the search space."""
    options = {"initial_population": [{"width": 6}], "max_starts_per_trial": 9}
    process = searches.start(search_that_dies, tmp_path, [6], **options)
    process.join()
    assert process.exitcode == 3

    def other(hp):
        import keras

        hp.Int("width", 1, 50)
        return keras.Sequential()

    tuner = kt_evolution.EvolutionTuner(
        other, "loss", directory=tmp_path, project_name="project"
    )
    (width,) = tuner.oracle.get_space().space
    assert (width.min_value, width.max_value) == (1, 50)


def test_lines_of_builds_are_small(tmp_path):
    make_tuner(tmp_path, {}).search(verbose=0)
    text = (tmp_path / "project" / "journal.jsonl").read_text()
    lines = [line for line in text.splitlines() if '"event":"build"' in line]
    assert len(lines) == 12
    assert max(map(len, lines)) <= 130
    assert json.loads(lines[0]).keys() == {
        "event",
        "model",
        "time",
        "session",
        "seconds",
    }
