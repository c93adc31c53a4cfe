import math

import numpy as np
import pytest

from benchmarks import curves
from benchmarks import report
from benchmarks import results
from benchmarks import standings
from benchmarks import tables
from benchmarks import targets
from benchmarks import tasks

pytestmark = pytest.mark.later

CAR, KC1 = "hpobench/car", "hpobench/kc1"
BOTH = standings.Half("both", (CAR, KC1))


def record(task, seed, steps, evaluations=50, queries_to_best=None):
    return results.Record(
        task=task,
        seed=seed,
        evaluations=evaluations,
        steps=steps,
        proposal_ms={"20": 1.0 + seed},
        queries_to_best=queries_to_best,
    )


def flat(task, regrets, **options):
    """Records of seeds 0, 1, ... whose regret never changes."""
    return {
        (task, seed): record(task, seed, [(1, regret)], **options)
        for seed, regret in enumerate(regrets)
    }


@pytest.fixture
def hand_made():
    return standings.Standings(
        {
            "evolution": {
                **flat(CAR, [0.1, 0.3, 0.0, 0.0]),
                **flat(KC1, [0.399, 0.399, 0.399, 0.399]),
            },
            "optuna-tpe": {
                **flat(CAR, [0.4, 0.4, 0.4, 0.396]),
                **flat(KC1, [0.199, 0.199, 0.199, 0.199]),
            },
            # On half of the seeds only, and the best there on the car.
            "optuna-gp": flat(CAR, [0.1, 0.1]),
            # Lucky once: too few seeds to be a task's best peer.
            "kt-bayesian": flat(KC1, [0.0]),
        }
    )


def test_ratio_is_worked_by_hand():
    found = standings.ratio({0: 0.1, 1: 0.3, 2: 9.0}, {0: 0.4, 1: 0.6}, "x")
    assert found == standings.Ratio(pytest.approx(0.201 / 0.501), "x", 2)
    assert standings.ratio({0: 0.0}, {0: 0.0}, "x").value == 1
    assert standings.ratio({0: 0.0}, {1: 0.0}, "x") is None


def test_best_peer_is_met_on_its_own_seeds(hand_made):
    found = standings.compare(
        hand_made,
        "evolution",
        ["optuna-tpe", "optuna-gp", "kt-bayesian"],
        50,
        BOTH,
    )
    assert found[CAR] == standings.Ratio(
        pytest.approx(0.201 / 0.101), "optuna-gp", 2
    )
    assert found[KC1] == standings.Ratio(pytest.approx(2), "optuna-tpe", 4)


def test_geometric_mean():
    assert standings.geometric_mean([0.5, 2, 8]) == pytest.approx(2)


def test_a_race_that_ended_before_a_checkpoint_has_no_regret(hand_made):
    assert hand_made.regrets("evolution", CAR, 100, BOTH) == {}
    assert not standings.compare(
        hand_made, "evolution", ["optuna-tpe"], 100, BOTH
    )


def test_a_few_long_races_are_no_standing():
    races = flat(CAR, [0.0, 0.1, 0.2, 0.3])
    races[CAR, 9] = record(CAR, 9, [(1, 0.4)], evaluations=100)
    found = standings.Standings({"evolution": races})
    assert len(found.regrets("evolution", CAR, 50, BOTH)) == 5
    assert found.regrets("evolution", CAR, 100, BOTH) == {}


def test_halves_part_tasks_and_seeds():
    every, dev, held_out, *mixed = standings.halves()
    assert len(every.tasks) == len(dev.tasks) + len(held_out.tasks) == 15
    assert [s for s in range(20) if dev.has(s)] == list(range(10))
    assert [s for s in range(20) if held_out.has(s)] == list(range(10, 20))
    assert all(every.has(seed) for seed in range(20))
    assert [half.tasks for half in mixed] == [dev.tasks, held_out.tasks]
    assert [half.has(0) for half in mixed] == [False, True]


def test_queries_to_best_say_when_they_are_a_lower_bound():
    records = {
        (CAR, 0): record(CAR, 0, [(1, 0.0)], 200, queries_to_best=50),
        (CAR, 1): record(CAR, 1, [(1, 0.5)], 200),
    }
    found = standings.queries_to_best(
        standings.Standings({"random": records}), "random", CAR
    )
    assert found == standings.Queries(125.0, 1, 2)


def test_proposal_time_is_the_median_over_races(hand_made):
    assert standings.proposal_ms(hand_made, "evolution", 20) == 2.5
    assert standings.proposal_ms(hand_made, "evolution", 50) is None


def test_regret_table_says_how_many_seeds(hand_made):
    lines = tables.regret_table(hand_made, 50, BOTH).splitlines()
    assert lines[2:] == [
        "| hpobench/car (n=4) | **0.100** | 0.399 | **0.100** (n=2) | – |",
        "| hpobench/kc1 (n=4) | 0.399 | 0.199 | – | **0** (n=1) |",
        "| geometric mean, +0.001 | 0.201 | 0.283 | – | – |",
    ]
    assert math.sqrt(0.101 * 0.4) == pytest.approx(0.201, abs=1e-3)


def test_task_ratio_table(hand_made):
    text = tables.task_ratio_table(
        hand_made, "evolution", ["optuna-tpe", "optuna-gp"], BOTH
    )
    row = text.splitlines()[2].split(" | ")
    assert row[1] == "1.99 (Optuna GP, n=2)"


def test_comparison_table_names_the_worst_task(hand_made):
    text = tables.comparison_table(
        hand_made, "evolution", ["optuna-tpe", "optuna-gp"]
    )
    fifty = [line for line in text.splitlines() if "| all | 50 |" in line]
    assert len(fifty) == 1
    cells = fifty[0].strip("| ").split(" | ")
    assert cells[2] == "2.00 (n=2-4, 2 of 15 tasks)"
    # 0.101 / 0.4 and 0.4 / 0.2, and what the host's random did isn't known.
    assert cells[3] == "0.711 (n=4, 2 of 15 tasks)"
    assert cells[5] == tables.NOTHING
    assert cells[6].startswith("2.00 (hpobench/kc1, Optuna TPE)")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.12345, "0.123"), (0.00123, "0.00123"), (123.4, "123")],
)
def test_numbers_have_three_digits(value, text):
    assert tables.number(value) == text


def test_targets_stand_beside_what_was_reached(hand_made):
    found = {
        (target.title, target.target): target
        for target in targets.reached({"clean": hand_made}, BOTH)
    }
    title = "EvolutionOracle / Optuna TPE, clean, 50 trials"
    against_tpe = found[title, 0.2]
    assert against_tpe.value == pytest.approx(math.sqrt(0.101 / 0.4 * 2), 0.01)
    assert against_tpe.verdict == "missed"
    assert against_tpe.basis == "2 tasks, 4-4 seeds"
    title = "EvolutionOracle / kt.RandomSearch, clean, 50 trials"
    assert found[title, 0.1].verdict == "not run"
    title = "worst task against its best peer, clean, 50 trials"
    assert found[title, 1.5].basis == "hpobench/kc1, Optuna TPE"


@pytest.mark.parametrize(
    ("lengths", "verdict"),
    [
        ([(40, True), (44, True)], "reached"),
        ([(40, True), (70, True)], "missed"),
        # Half of them not found: the true mean is above 45.
        ([(20, True), (70, False)], "incomplete"),
        ([(40, True), (200, False)], "missed"),
    ],
)
def test_a_lower_bound_reaches_no_target(lengths, verdict):
    task = "nasbench201/cifar10"
    records = {
        (task, seed): record(
            task, seed, [(1, 0.5)], length, length if found else None
        )
        for seed, (length, found) in enumerate(lengths)
    }
    made = standings.Standings({"evolution": records})
    (found,) = [
        target
        for target in targets.reached({"clean": made}, BOTH)
        if target.title == f"queries until the best of {task} is asked"
    ]
    assert found.verdict == verdict


def test_curve_is_worked_by_hand():
    records = {
        (CAR, 0): record(CAR, 0, [(1, 0.499), (3, 0.099)], 4),
        (CAR, 1): record(CAR, 1, [(1, 0.299)], 3),
        # Without its other task, this seed doesn't count.
        (CAR, 2): record(CAR, 2, [(1, 7.0)], 4),
        (KC1, 0): record(KC1, 0, [(1, 0.1 - 0.001)], 4),
        (KC1, 1): record(KC1, 1, [(1, 0.1 - 0.001)], 4),
    }
    made = standings.Standings({"random": records})
    found = curves.curve(made, "random", [CAR, KC1], 5)
    assert found.seeds == 2
    expected = [math.sqrt(0.4 * 0.1)] * 2 + [math.sqrt(0.2 * 0.1)]
    np.testing.assert_allclose(found.middle[:3], expected)
    # One of the races ended after three: the mean would be another one's.
    assert np.isnan(found.middle[3:]).all()
    assert (found.low[:3] <= found.middle[:3]).all()
    assert (found.middle[:3] <= found.high[:3]).all()
    assert found.low[2] < found.high[2]


def test_curve_needs_a_seed_on_all_tasks(hand_made):
    assert curves.curve(hand_made, "optuna-gp", [CAR, KC1], 5) is None


def every_family():
    return standings.Standings(
        {
            name: {
                key: made
                for task in tasks.task_names(["all"])
                for key, made in flat(task, [regret, regret / 2]).items()
            }
            for name, regret in (("evolution", 0.1), ("random", 0.4))
        }
    )


def test_families_are_computed():
    families = curves.family_curves(every_family(), 20)
    assert list(families) == list(tasks.FAMILIES)
    assert {tuple(f) for f in families.values()} == {("evolution", "random")}


def test_legend_says_how_many_seeds():
    nothing = np.zeros(1)
    made = [curves.Curve(nothing, nothing, nothing, n) for n in (3, 5)]
    families = {"a": {"random": made[0]}, "b": {"random": made[1]}, "c": {}}
    assert curves.legend_label("random", families) == "random (n=3-5)"
    del families["a"]
    assert curves.legend_label("random", families) == "random (n=5)"


def test_report_is_printed_and_drawn(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    for name, records in every_family().records.items():
        path = results.path(tmp_path, name, "clean")
        for made in records.values():
            results.append(path, made)
    report.main(["--results", str(tmp_path), "--figures", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "## The clean track" in printed
    assert "## The noisy track" not in printed
    figure = (tmp_path / "regret_clean.png").read_bytes()
    assert figure.startswith(b"\x89PNG")
    assert not (tmp_path / "regret_noisy.png").exists()
