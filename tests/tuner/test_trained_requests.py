"""What trainings request: no model twice, also where no dry build shows it."""

import copy
import json
import pickle
import random

import keras
import keras_tuner as kt
import pytest
from keras_tuner.engine.trial import Trial

import kt_evolution
from kt_evolution.project.issued_trial import put_report
from kt_evolution.project.issued_trial import record_requests
from kt_evolution.project.issued_trial import run_mark
from kt_evolution.reporting.reading import read_search


def over_grpc(trial):
    """Returns the copy of a trial that arrives at the other side."""
    return Trial.from_proto(trial.to_proto())


class Layered(kt_evolution.EvolutionTuner):
    """A `run_trial` without a hypermodel, that requests what it uses."""

    def run_trial(self, trial, **kwargs):
        hp = trial.hyperparameters
        layers = hp.Int("layers", 1, 3)
        return sum(hp.Int(f"units_{i}", 1, 9) for i in range(layers))


def search(tuner_class, folder, max_trials=15, **kwargs):
    tuner = tuner_class(
        max_trials=max_trials, directory=folder, **{"seed": 0, **kwargs}
    )
    tuner.search()
    return tuner


def trials_in(folder):
    return read_search(folder / "untitled_project").trials


def models_in(folder):
    """Returns the used values of each trial, as a report has them."""
    return [tuple(sorted(one.values.items())) for one in trials_in(folder)]


def ends_in(folder):
    text = (folder / "untitled_project" / "journal.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    return [line for line in lines if line["event"] == "end"]


def test_a_run_trial_trains_no_model_twice(tmp_path):
    search(Layered, tmp_path)
    for values in map(dict, models_in(tmp_path)):
        assert len(values) == 1 + values["layers"]
    assert len(set(models_in(tmp_path))) == 15


def test_scikit_learn_models_are_trained_once(tmp_path, capsys):
    datasets = pytest.importorskip("sklearn.datasets")
    linear_model = pytest.importorskip("sklearn.linear_model")
    tree = pytest.importorskip("sklearn.tree")
    trained = []

    def build(hp):
        kind = hp.Choice("model", ["tree", "ridge"])
        if kind == "ridge":
            used = {"alpha": hp.Float("alpha", 1e-3, 10.0, sampling="log")}
            model = linear_model.RidgeClassifier(**used)
        else:
            used = {"max_depth": hp.Int("depth", 1, 9)}
            model = tree.DecisionTreeClassifier(**used, random_state=0)
        trained.append((kind, *used.values()))
        return model

    def new_tuner():
        objective = kt.Objective("score", "max")
        oracle = kt_evolution.EvolutionOracle(objective, 20, seed=0)
        return kt.SklearnTuner(oracle, build, directory=tmp_path)

    x, y = datasets.load_digits(return_X_y=True)
    tuner = new_tuner()
    tuner.search(x[:150], y[:150])
    # Each is built when the tuner is made or for the five folds of its trial.
    models = models_in(tmp_path)
    assert len(set(models)) == len(models) == 20
    assert {len(model) for model in models} == {2}
    assert len(set(trained[-100:])) == 20
    assert all(len(end["requested"]) == 2 for end in ends_in(tmp_path))
    # A restart knows it from the journal.
    new_tuner().results_summary()
    printed = capsys.readouterr().out
    assert printed.count("model: ") == 10
    used = printed.count("alpha: ") + printed.count("depth: ")
    assert used == 10


class Program:
    """A function whose requests depend on earlier values, at random.

    Args:
        seed: Int, which function.
    """

    def __init__(self, seed):
        self.seed = seed

    def __call__(self, hp):
        asked = {}
        while len(asked) < 4:
            key = json.dumps([self.seed, list(asked.items())])
            rng = random.Random(key)
            if rng.random() < 0.2 * len(asked):
                break
            left = [f"h{i}" for i in range(6) if f"h{i}" not in asked]
            name = rng.choice(left)
            asked[name] = hp.Int(name, 0, 1 + int(name[1]) % 2)
        return tuple(asked.items())

    def models(self, values=()):
        """Returns all models, by an exhaustive search of the values."""
        tape = Tape(values)
        model = self(tape)
        if len(model) <= len(values):
            return {model}
        name = model[len(values)][0]
        return set().union(
            *(
                self.models((*values, value))
                for value in range(tape.sizes[name])
            )
        )


class Tape:
    """Stands for hyperparameters whose first values are given."""

    def __init__(self, values):
        self.waiting = list(values)
        self.sizes = {}

    def Int(self, name, low, high):
        self.sizes[name] = high + 1
        return self.waiting.pop(0) if self.waiting else low


@pytest.mark.parametrize("seed", range(4))
def test_a_finite_space_is_trained_exactly_once(tmp_path, seed):
    program = Program(seed)
    trained = []

    class Tuner(kt_evolution.EvolutionTuner):
        def run_trial(self, trial, **kwargs):
            trained.append(program(trial.hyperparameters))
            return float(len(str(trained[-1])))

    tuner = search(Tuner, tmp_path, max_trials=500, surrogate=None)
    assert sorted(trained) == sorted(program.models())
    assert "every model of the search space is known" in (
        tuner.oracle.stop_reason
    )


@pytest.mark.parametrize("seed", range(3))
def test_several_workers_train_no_model_twice(tmp_path, seed):
    program, rng = Program(seed), random.Random(seed)
    oracle = kt_evolution.EvolutionOracle(
        kt.Objective("score", "min"), max_trials=500, seed=seed, surrogate=None
    )
    oracle.verbose = 0
    oracle._set_project_dir(tmp_path, "p")
    trained, running = [], {}
    while True:
        for worker in [f"worker{i}" for i in range(3 if trained else 1)]:
            if worker not in running:
                trial = oracle.create_trial(worker)
                if trial.status == "RUNNING":
                    running[worker] = trial
        if not running:
            break
        trial = running.pop(rng.choice(sorted(running)))
        trained.append(program(trial.hyperparameters))
        oracle.update_trial(trial.trial_id, {"score": rng.random()})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    assert sorted(trained) == sorted(program.models())


def test_an_interrupted_search_goes_on_as_if_it_had_not_been(tmp_path):
    class Interrupted(Layered):
        def run_trial(self, trial, **kwargs):
            score = super().run_trial(trial)
            if trial.trial_id == "07" and not interruptions:
                interruptions.append(score)
                raise KeyboardInterrupt
            if trial.trial_id == "09":
                raise ValueError("It fails at its end.")
            return score

    interruptions = []
    search(Interrupted, tmp_path / "a")
    assert len(ends_in(tmp_path / "a")) == 7
    search(Interrupted, tmp_path / "a")
    search(Interrupted, tmp_path / "b")
    records = [
        [one.values for one in trials_in(tmp_path / name)] for name in "ab"
    ]
    assert records[0] == records[1]
    requests = [
        [end.get("requested") for end in ends_in(tmp_path / name)]
        for name in "ab"
    ]
    assert requests[0] == requests[1]
    assert len(requests[0]) == 15


@pytest.mark.parametrize("num_lines", [2, 3, 7, 12, 17, 18])
def test_a_search_goes_on_the_same_from_each_line(
    tmp_path, whole_search, num_lines
):
    journal = whole_search / "untitled_project" / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    (tmp_path / "untitled_project").mkdir()
    copy_of_it = tmp_path / "untitled_project" / "journal.jsonl"
    copy_of_it.write_text("".join(lines[:num_lines]))
    search(Layered, tmp_path, max_trials=12, surrogate=None)
    assert models_in(tmp_path) == models_in(whole_search)


@pytest.fixture(scope="module")
def whole_search(tmp_path_factory):
    """The folder of a search that was not interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    search(Layered, folder, max_trials=12, surrogate=None)
    return folder


def test_a_trial_that_fails_half_way_says_nothing_of_the_rest(tmp_path):
    class Failing(kt_evolution.EvolutionTuner):
        def run_trial(self, trial, **kwargs):
            hp = trial.hyperparameters
            a = hp.Int("a", 0, 2)
            if a == 1 and not failed:
                failed.append(trial.trial_id)
                raise ValueError("It fails once.")
            done.append((a, hp.Int("b", 0, 2)))
            return float(sum(done[-1]))

    failed, done = [], []
    search(Failing, tmp_path, max_trials=100)
    assert len(failed) == 1
    assert len(done) == len(set(done))
    # The values that it failed with are not tried again, but others are.
    assert len(done) == 8
    ends = {end["trial_id"]: end for end in ends_in(tmp_path)}
    assert "requested" not in ends[failed[0]]


def test_reads_of_other_hooks_are_no_requests(tmp_path):
    read = []

    class Logged(Layered):
        def on_trial_begin(self, trial):
            read.append(dict(trial.hyperparameters.values))
            super().on_trial_begin(trial)

        def on_trial_end(self, trial):
            read.append(dict(trial.hyperparameters.values))
            super().on_trial_end(trial)
            read.append(dict(trial.hyperparameters.values))

    search(Logged, tmp_path / "a", max_trials=8)
    search(Layered, tmp_path / "b", max_trials=8)
    assert len(read) == 24
    assert models_in(tmp_path / "a") == models_in(tmp_path / "b")


@pytest.mark.parametrize(
    ("read", "names"),
    [
        (lambda hp: hp.get("a"), {"a"}),
        (lambda hp: hp["a"], {"a"}),
        (lambda hp: hp.values["a"], {"a"}),
        (lambda hp: hp.values.get("a"), {"a"}),
        (lambda hp: hp.values.get("c"), {"b"}),
        (lambda hp: "a" in hp.values, {"a"}),
        (lambda hp: hp.is_active("c"), {"b"}),
        (
            lambda hp: hp.Int("c", 0, 5, parent_name="b", parent_values=[1]),
            {"b"},
        ),
        (lambda hp: hp.copy().get("a"), {"a"}),
        (lambda hp: copy.copy(hp).get("a"), {"a"}),
        (lambda hp: copy.deepcopy(hp).get("a"), {"a"}),
        (lambda hp: print(hp.values), set()),
        (lambda hp: dict(hp.values), {"a", "b"}),
        (lambda hp: dict(**hp.values), {"a", "b"}),
        (lambda hp: {**hp.values}, {"a", "b"}),
        (lambda hp: hp.values | {}, {"a", "b"}),
        (lambda hp: list(hp.values.values()), {"a", "b"}),
        (lambda hp: json.dumps(hp.values), {"a", "b"}),
        (lambda hp: copy.copy(hp.values), {"a", "b"}),
        (lambda hp: hp.values == {}, {"a", "b"}),
        (lambda hp: hp.get_config(), {"a", "b"}),
        (lambda hp: pickle.loads(pickle.dumps(hp)).get("a"), {"a", "b"}),
        (lambda hp: pickle.dumps(hp.values), {"a", "b"}),
    ],
)
def test_every_way_to_read_a_value_requests_it(tmp_path, read, names):
    hp = kt.HyperParameters()
    hp.Int("a", 0, 5)
    hp.Int("b", 0, 5)
    hp.Int("c", 0, 5, parent_name="b", parent_values=[1])

    class Reading(kt_evolution.EvolutionTuner):
        def run_trial(self, trial, **kwargs):
            read(trial.hyperparameters)
            trial.hyperparameters.Int("own", 0, 5)
            return 1.0

    search(Reading, tmp_path, max_trials=1, hyperparameters=hp)
    (end,) = ends_in(tmp_path)
    requested = {key.split("@")[0].split("?")[0] for key in end["requested"]}
    assert {name.strip('"[],') for name in requested} == {*names, "own"}


def test_a_worker_sends_what_its_training_requested(tmp_path):
    oracle = kt_evolution.EvolutionOracle(max_trials=9, seed=0)
    oracle.verbose = 0
    oracle._set_project_dir(tmp_path, "untitled_project")
    for asks in (True, False):
        trial = over_grpc(oracle.create_trial("worker0"))
        if asks:
            record_requests(trial)
        trial.hyperparameters.Int("a", 0, 5)
        trial.hyperparameters.Int("b", 0, 5, parent_name="a", parent_values=[0])
        oracle.update_trial(
            trial.trial_id, {"default_objective": 1.0, **run_mark(trial)}
        )
        trial.status = "COMPLETED"
        put_report(trial)
        oracle.end_trial(over_grpc(trial))
        assert "tuner/requested" not in oracle.trials["0"].hyperparameters
    ends = ends_in(tmp_path)
    assert ends[0]["requested"] == ["a", "b?a=[0]"]
    # Keras Tuner's own tuners don't record them.
    assert "requested" not in ends[1]


def test_tables_leave_out_what_was_not_requested(tmp_path):
    pytest.importorskip("pandas")
    tuner = search(Layered, tmp_path, max_trials=12)
    table = tuner.results_dataframe()
    for i in range(3):
        is_used = table["values.layers"] > i
        assert (table[f"values.units_{i}"].notna() == is_used).all()


def test_without_a_dry_build_all_of_build_and_fit_counts(tmp_path):
    class Model(kt.HyperModel):
        def build(self, hp):
            layers = [keras.Input((2,))]
            for i in range(hp.Int("layers", 1, 2)):
                layers.append(keras.layers.Dense(hp.Int(f"units_{i}", 1, 2)))
            return keras.Sequential([*layers, keras.layers.Dense(1)])

        def fit(self, hp, model, **kwargs):
            return float(model.count_params() + hp.Choice("batch", [2, 4]))

    tuner = kt_evolution.EvolutionTuner(
        Model(),
        max_trials=30,
        seed=0,
        dry_build=False,
        executions_per_trial=2,
        directory=tmp_path,
    )
    tuner.search(verbose=0)
    # 2 models with one layer and 4 with two, with either batch size.
    assert len(set(models_in(tmp_path))) == len(models_in(tmp_path)) == 12
    for model in map(dict, models_in(tmp_path)):
        assert len(model) == 2 + model["layers"]


def test_the_values_of_a_trial_that_has_ended_are_plain(tmp_path):
    tuner = search(Layered, tmp_path, max_trials=2)
    for trial in tuner.oracle.trials.values():
        assert type(trial.hyperparameters.values) is dict
        assert trial.hyperparameters.values["layers"] >= 1


def test_a_training_that_requests_nothing_says_nothing(tmp_path):
    hp = kt.HyperParameters()
    hp.Int("a", 1, 4)

    class Silent(kt_evolution.EvolutionTuner):
        def run_trial(self, trial, **kwargs):
            return float(len(repr(trial.hyperparameters.values)))

    search(Silent, tmp_path, max_trials=10, hyperparameters=hp)
    assert len(set(models_in(tmp_path))) == len(models_in(tmp_path)) == 4
    assert all("requested" not in end for end in ends_in(tmp_path))


def test_an_old_journal_without_requests_goes_on(tmp_path):
    search(Layered, tmp_path, max_trials=8)
    path = tmp_path / "untitled_project" / "journal.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        line.pop("requested", None)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    search(Layered, tmp_path, max_trials=20)
    new = [tuple(sorted(one.values.items())) for one in trials_in(tmp_path)[8:]]
    assert len(set(new)) == 12
    # Its first trials are recognized as far as their values are known.
    assert all(len(model) == 1 + dict(model)["layers"] for model in new)


def test_an_edited_function_that_contradicts_begins_again(tmp_path):
    class Edited(kt_evolution.EvolutionTuner):
        def run_trial(self, trial, **kwargs):
            hp = trial.hyperparameters
            return float(hp.Int("rate", 1, 3) * hp.Int("layers", 1, 3))

    search(Layered, tmp_path, max_trials=4)
    search(Edited, tmp_path, max_trials=100)
    new = [dict(model) for model in models_in(tmp_path)[4:]]
    pairs = [(model.get("rate"), model["layers"]) for model in new]
    assert len(set(pairs)) == len(pairs)
    assert len(pairs) >= 6


def test_a_model_is_trained_again_where_that_is_asked_for(tmp_path):
    tuner = search(Layered, tmp_path, max_trials=12, reevaluate=2)
    again = tuner.oracle.reevaluations
    assert again
    models = {
        one.trial_id: tuple(sorted(one.values.items()))
        for one in trials_in(tmp_path)
    }
    assert all(models[one] == models[first] for one, first in again.items())
    first_trials = [models[one] for one in models if one not in again]
    assert len(set(first_trials)) == len(first_trials)


def test_executions_and_random_requests_are_recorded_once(tmp_path):
    rng = random.Random(0)

    class Unsteady(kt_evolution.EvolutionTuner):
        def run_trial(self, trial, **kwargs):
            hp = trial.hyperparameters
            scores = []
            for _ in range(3):
                names = rng.sample("abc", 2)
                scores.append(sum(hp.Int(name, 0, 3) for name in names))
            return [float(score) for score in scores]

    search(Unsteady, tmp_path, max_trials=15)
    for end in ends_in(tmp_path):
        assert len(end["requested"]) == len(set(end["requested"]))
    genomes = [
        json.dumps(one.values, sort_keys=True) for one in trials_in(tmp_path)
    ]
    assert len(set(genomes)) == 15
