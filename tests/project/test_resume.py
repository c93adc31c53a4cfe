"""A search that is resumed is the search that was never stopped."""

import json
import warnings

import keras_tuner as kt
import pytest

import kt_evolution
from kt_evolution.project.events import TrialCreated
from tests.project import searches
from tests.project.oracles import complete
from tests.project.oracles import make_oracle
from tests.project.oracles import run_trials


@pytest.mark.parametrize("seed", [0, 7])
def test_same_seed_same_trials_in_another_process(tmp_path, seed):
    journals = []
    for name in ("one", "two"):
        code = searches.run(searches.search, tmp_path / name, seed=seed)
        assert code == 0
        journals.append(searches.events(tmp_path / name))
    assert journals[0] == journals[1]
    assert journals[0][0]["seed"] == seed


def test_another_seed_gives_other_trials(tmp_path):
    values = [
        run_trials(make_oracle(tmp_path / str(seed), seed=seed), 8)
        for seed in (0, 1)
    ]
    # The first has the defaults; later ones may meet at the optimum.
    assert values[0][0] == values[1][0]
    for number in (1, 2, 3):
        assert values[0][number] != values[1][number]


@pytest.mark.parametrize("seed", [0, None])
@pytest.mark.parametrize("survival", ["elitist", "aging", "generational"])
def test_oracle_made_anew_for_each_trial(tmp_path, seed, survival):
    options = {"seed": seed, "survival": survival, "max_trials": 16}
    first = make_oracle(tmp_path / "resumed", **options)
    values = run_trials(first, 1)
    for _ in range(15):
        values += run_trials(make_oracle(tmp_path / "resumed", **options), 1)

    options["seed"] = first.seed
    whole = make_oracle(tmp_path / "whole", **options)
    assert values == run_trials(whole, 16)


def test_random_seed_is_kept_but_a_given_one_wins(tmp_path):
    oracle = make_oracle(tmp_path, seed=None)
    run_trials(oracle, 1)
    resumed = make_oracle(tmp_path, seed=None)
    resumed._project.open()
    assert resumed.seed == oracle.seed
    given = make_oracle(tmp_path, seed=3)
    given._project.open()
    assert given.seed == 3


def test_another_seed_is_a_warning_that_has_both(tmp_path):
    run_trials(make_oracle(tmp_path, seed=3), 1)
    with pytest.warns(UserWarning, match="with seed=3, .* given seed=5"):
        make_oracle(tmp_path, seed=5)._project.open()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_oracle(tmp_path, seed=3)._project.open()
        make_oracle(tmp_path, seed=None)._project.open()


def test_random_seeds_differ(tmp_path):
    assert make_oracle(tmp_path, seed=None).seed != (
        make_oracle(tmp_path, seed=None).seed
    )


def test_max_trials_can_be_raised(tmp_path):
    expected = run_trials(make_oracle(tmp_path / "whole", max_trials=12), 12)
    oracle = make_oracle(tmp_path / "raised", max_trials=9)
    values = run_trials(oracle, 9)
    assert oracle.create_trial("tuner0").status == "STOPPED"
    raised = make_oracle(tmp_path / "raised", max_trials=12)
    values += run_trials(raised, 3)
    assert values == expected
    assert raised.create_trial("tuner0").status == "STOPPED"
    assert raised.remaining_trials() == 0
    assert len(make_oracle(tmp_path / "raised").get_best_trials(99)) == 12


@pytest.mark.parametrize(
    "objective",
    [
        kt.Objective("score", "min"),
        kt.Objective("other", "max"),
        [kt.Objective("score", "max"), kt.Objective("other", "max")],
    ],
)
def test_another_objective_is_an_error(tmp_path, objective):
    run_trials(make_oracle(tmp_path), 2)
    message = "`objective` must be that of the"
    with pytest.raises(ValueError, match=message) as raised:
        make_oracle(tmp_path, objective=objective)._project.open()
    # The host's name of the sum of several.
    assert "multi_objective" not in str(raised.value)


def test_several_objectives_are_resumed(tmp_path):
    objective = [kt.Objective("loss", "min"), kt.Objective("score", "max")]
    oracle = make_oracle(tmp_path, objective=objective)
    trial = oracle.create_trial("tuner0")
    metrics = {"loss": 1.0, "score": 3.0, "multi_objective": -2.0}
    oracle.update_trial(trial.trial_id, metrics)
    oracle.end_trial(trial.trial_id)
    best = make_oracle(tmp_path, objective=objective).get_best_trials()[0]
    assert best.score == -2.0
    assert best.metrics.get_best_value("score") == 3.0
    assert best.metrics.get_best_value("loss") == 1.0


class Quadratic(kt_evolution.EvolutionTuner):
    """Notes the trials that it runs."""

    def run_trial(self, trial, *args, **kwargs):
        if not hasattr(self, "ran"):
            self.ran = []
        self.ran.append(trial.trial_id)
        x = trial.hyperparameters.Float("x", -1.0, 1.0)
        if len(self.ran) == kwargs.get("interrupt_at"):
            raise KeyboardInterrupt
        return x * x


@pytest.mark.parametrize("tuner_id", [None, "x"])
def test_tuner_with_an_id_of_its_own_resumes(tmp_path, tuner_id):
    options = {
        "max_trials": 6,
        "directory": tmp_path,
        "project_name": "p",
        "tuner_id": tuner_id,
    }
    tuner = Quadratic(**options)
    tuner.search(interrupt_at=3, verbose=0)
    assert tuner.ran == ["0", "1", "2"]
    values = dict(tuner.oracle.get_trial("2").hyperparameters.values)

    resumed = Quadratic(**options)
    assert resumed.remaining_trials == 3
    resumed.search(verbose=0)
    assert resumed.ran == ["2", "3", "4", "5"]
    assert values.items() <= (
        resumed.oracle.get_trial("2").hyperparameters.values.items()
    )
    assert (tmp_path / "p" / f"{tuner_id or 'tuner0'}.json").exists()


def test_interrupted_search_goes_on_when_called_again(tmp_path):
    tuner = Quadratic(max_trials=6, directory=tmp_path, project_name="p")
    tuner.search(interrupt_at=3, verbose=0)
    tuner.search(verbose=0)
    assert tuner.ran == ["0", "1", "2", "2", "3", "4", "5"]
    tuner.search(verbose=0)
    assert len(tuner.ran) == 7


def test_overwrite_starts_anew(tmp_path):
    for _ in range(2):
        tuner = Quadratic(
            max_trials=3,
            seed=0,
            directory=tmp_path,
            project_name="p",
            overwrite=True,
        )
        tuner.search(verbose=0)
        assert tuner.ran == ["0", "1", "2"]
    lines = (tmp_path / "p" / "journal.jsonl").read_text().splitlines()
    assert len(lines) == 1 + 2 * 3


def test_first_proposal_that_was_interrupted_is_made_again(tmp_path):
    import keras

    num_builds = []

    def build_model(hp):
        num_builds.append(None)
        if len(num_builds) == 3:
            raise KeyboardInterrupt
        hp.Float("x", 0.0, 1.0)
        if hp.Choice("kind", ["a", "b", "c", "d"]) != "d":
            raise ValueError("Only kind d can be built.")
        return keras.Sequential()

    class Tuner(kt_evolution.EvolutionTuner):
        def run_trial(self, trial, *args, **kwargs):
            return trial.hyperparameters.get("x")

    def values_of(name):
        tuner = Tuner(
            build_model,
            max_trials=8,
            seed=0,
            num_initial_points=4,
            directory=tmp_path,
            project_name=name,
        )
        try:
            tuner.search(verbose=0)
        except KeyboardInterrupt:
            assert not tuner.oracle.trials
            tuner.search(verbose=0)
        return [
            tuner.oracle.get_trial(str(i)).hyperparameters.values
            for i in range(8)
        ]

    interrupted = values_of("interrupted")
    assert interrupted == values_of("whole")


def test_worker_does_not_overwrite_the_chiefs_project(tmp_path, monkeypatch):
    chief = Quadratic(max_trials=3, directory=tmp_path, project_name="p")
    chief.search(verbose=0)
    before = (tmp_path / "p" / "journal.jsonl").read_bytes()
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "worker0")
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", "1")
    Quadratic(
        max_trials=3, directory=tmp_path, project_name="p", overwrite=True
    )
    assert (tmp_path / "p" / "journal.jsonl").read_bytes() == before


def test_reload_forgets_what_is_not_in_the_journal(tmp_path):
    oracle = make_oracle(tmp_path)
    run_trials(oracle, 3)
    oracle.create_trial("tuner0")
    oracle.reload()
    assert oracle.ongoing_trials == {}
    assert len(oracle.trials) == 4
    assert len(oracle.history) == 4
    assert oracle.create_trial("tuner1").trial_id == "03"


def test_history_is_restored_whole(tmp_path, uninterrupted):
    """What the search learns from is the same, cold or warm."""
    code = searches.run(search_and_compare, tmp_path)
    assert code == 0
    assert json.loads((tmp_path / "compared.json").read_text()) > 14


def search_and_compare(folder):
    import dataclasses

    import numpy as np

    tuner = searches.make_tuner(folder)
    tuner.search(verbose=0)
    warm = tuner.oracle.history
    cold = searches.make_tuner(folder).oracle.history
    assert list(warm.space.position) == list(cold.space.position)
    for one, other in zip(warm.individuals, cold.individuals, strict=True):
        one, other = dataclasses.asdict(one), dataclasses.asdict(other)
        np.testing.assert_array_equal(one.pop("genome"), other.pop("genome"))
        assert one == other
    np.testing.assert_array_equal(warm.genomes, cold.genomes)
    np.testing.assert_array_equal(warm.expressed, cold.expressed)
    np.testing.assert_array_equal(warm.scores, cold.scores)
    (folder / "compared.json").write_text(json.dumps(len(warm)))


def test_workers_trials_are_issued_again(tmp_path):
    oracle = make_oracle(tmp_path)
    running = [oracle.create_trial(f"tuner{i}") for i in range(3)]
    complete(oracle, running[1])
    # Here the chief ends.
    oracle = make_oracle(tmp_path)
    again = [oracle.create_trial(f"tuner{i}") for i in range(3)]
    assert [trial.trial_id for trial in again] == ["00", "02", "03"]
    for old, new in zip(running[::2], again, strict=False):
        assert old.hyperparameters.values == new.hyperparameters.values


def test_result_for_a_chief_that_is_gone_is_not_taken_without_metrics(
    tmp_path,
):
    oracle = make_oracle(tmp_path)
    trial = oracle.create_trial("tuner0")
    oracle = make_oracle(tmp_path)
    trial.status = "COMPLETED"
    oracle.end_trial(trial)
    assert oracle.end_order == []
    again = oracle.create_trial("tuner0")
    assert again.trial_id == trial.trial_id
    complete(oracle, again)
    # With metrics it counts.
    trial = oracle.create_trial("tuner0")
    oracle = make_oracle(tmp_path)
    complete(oracle, trial)
    assert oracle.create_trial("tuner0").trial_id == "02"


def test_space_that_grew_is_restored(tmp_path):
    class Growing(kt_evolution.EvolutionTuner):
        def run_trial(self, trial, *args, **kwargs):
            hp = trial.hyperparameters
            x = hp.Float("x", 0.0, 1.0)
            if x > 0.3:
                with hp.conditional_scope("kind", ["a"]):
                    if hp.Choice("kind", ["a", "b"]) == "a":
                        x += hp.Float("of_a", 0.0, 1.0)
            return x + hp.Int("n", 1, 4)

    def make(name, max_trials):
        return Growing(
            max_trials=max_trials,
            seed=0,
            num_initial_points=3,
            directory=tmp_path,
            project_name=name,
        )

    make("whole", 12).search(verbose=0)
    for max_trials in range(1, 13):
        make("resumed", max_trials).search(verbose=0)

    def read(name):
        lines = (tmp_path / name / "journal.jsonl").read_text().splitlines()
        events = [json.loads(line) for line in lines]
        for event in events:
            for name in ("time", "session", "seconds", "began"):
                event.pop(name, None)
            if "trial_id" in event:
                event["trial_id"] = int(event["trial_id"])
            record = event.get("record", {})
            record["parents"] = [int(x) for x in record.get("parents", [])]
        return events

    assert read("whole") == read("resumed")


def test_ids_have_one_width_also_with_a_larger_max_trials(tmp_path):
    run_trials(make_oracle(tmp_path, max_trials=10), 2)
    # None has four letters, and so ids of four digits as the host's.
    for max_trials in (1000, None, 5):
        run_trials(make_oracle(tmp_path, max_trials=max_trials), 1)
    oracle = make_oracle(tmp_path)
    oracle._project.open()
    assert list(oracle.trials) == ["00", "01", "02", "03", "04"]
    assert oracle.start_order == list(oracle.trials)


@pytest.mark.parametrize(("widest", "following"), [("9", "10"), ("012", "013")])
def test_ids_go_on_from_the_newest(tmp_path, widest, following):
    oracle = make_oracle(tmp_path, max_trials=int(widest) + 1)
    oracle._project.open()
    old = [str(number) for number in range(int(widest))]
    # As a project in which ids became wider.
    for trial_id in [*old, widest]:
        oracle._project.commit(
            TrialCreated(
                trial_id=trial_id, values={}, record={}, worker="tuner0"
            )
        )
    assert oracle._lifecycle._next_id() == following
