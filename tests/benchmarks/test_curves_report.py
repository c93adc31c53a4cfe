"""The report of the races by epochs, on records that are made by hand."""

import numpy as np
import pytest

from benchmarks import curves_report
from benchmarks import results
from benchmarks.curve_tables import NAMES
from benchmarks.curve_tables import REPORTED
from benchmarks.curve_tables import epochs_of
from benchmarks.curves_race import track_of
from benchmarks.standings import Standings

pytestmark = pytest.mark.later

SMS = "mlp/sms"


def record(name, seed, *steps, trainings=50):
    """A race whose steps are pairs of a full training and a regret."""
    epochs = epochs_of(name)
    return results.Record(
        task=name,
        seed=seed,
        evaluations=trainings * epochs,
        steps=[(round(after * epochs), regret) for after, regret in steps],
        proposal_ms={},
    )


def standings(ours, theirs, peer="none", name=SMS):
    return Standings(
        {
            searcher: {(name, seed): one for seed, one in enumerate(records)}
            for searcher, records in (("fidelity", ours), (peer, theirs))
        }
    )


def test_regrets_are_those_after_the_epochs_of_full_trainings():
    made = standings(
        [record(SMS, 0, (1, 0.4), (10, 0.2)), record(SMS, 1, (1, 0.2))],
        [record(SMS, 0, (1, 0.599)), record(SMS, 1, (1, 0.599))],
    )
    assert curves_report.regrets(made, "fidelity", SMS, 9) == {0: 0.4, 1: 0.2}
    assert curves_report.regrets(made, "fidelity", SMS, 10) == {0: 0.2, 1: 0.2}
    # (0.3 + 0.001) / (0.599 + 0.001)
    assert curves_report.ratios(made, "none", 9)[SMS] == pytest.approx(
        0.301 / 0.6
    )
    assert curves_report.ratios(made, "none", 9)["cnn/digits"] is None


def test_epochs_to_the_regret_that_a_peer_has_at_20():
    ours = [record(SMS, 0, (1, 0.9), (4, 0.2))]
    # It has its regret at 20 since 16: that is when it needed its epochs.
    theirs = [record(SMS, 0, (1, 0.9), (16, 0.3), (21, 0.1))]
    made = standings(ours, theirs)
    assert curves_report.speedup(made, "none", SMS) == curves_report.Speedup(
        4.0, True
    )
    never = standings([record(SMS, 0, (1, 0.9))], theirs)
    assert curves_report.speedup(never, "none", SMS) == curves_report.Speedup(
        16 / 50, False
    )
    assert "mlp/sms" in curves_report.never_reached(never, ["none"])
    short = standings(ours, [record(SMS, 0, (1, 0.9), trainings=10)])
    assert curves_report.speedup(short, "none", SMS) is None


def test_the_mean_over_seeds_reaches_a_regret():
    ours = [record(SMS, 0, (1, 0.2)), record(SMS, 1, (1, 0.9), (5, 0.2))]
    theirs = [record(SMS, n, (1, 0.9), (20, 0.5)) for n in range(2)]
    found = curves_report.speedup(standings(ours, theirs), "none", SMS)
    assert found.value == 4.0


@pytest.mark.parametrize(
    ("must", "aim", "measured", "verdict"),
    [
        (0.6, 0.5, 0.61, "missed"),
        (0.6, 0.5, 0.55, "reached"),
        (0.6, 0.5, 0.5, "aim reached"),
        (2.0, 3.0, 1.9, "missed"),
        (2.0, 3.0, 2.0, "reached"),
        (2.0, 3.0, 3.1, "aim reached"),
        (1.1, 1.1, 0.9, "reached"),
        (2.0, 3.0, None, "not run"),
    ],
)
def test_what_is_reached(must, aim, measured, verdict):
    target = curves_report.Target("figure", must, aim, measured)
    assert target.row()[-1] == verdict


def test_epochs_of_the_tables():
    assert {epochs_of(name) for name in NAMES} == {27, 50}
    assert epochs_of(SMS) == 27


def test_the_report_of_all_that_was_run(tmp_path, capsys):
    for workers in (1, 8):
        for factor, searcher in ((0.5, "fidelity"), (1.0, "none")):
            file = results.path(tmp_path, searcher, track_of(workers))
            for name in REPORTED:
                steps = [(n, factor / n) for n in (1, 2, 5, 10, 20, 50)]
                results.append(file, record(name, 0, *steps))
    curves_report.main(["--results", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "at 1 | ≤ 0.5 | ≤ 0.35 | 0.500 | missed |" in printed
    assert "at 20, its own / ours | ≥ 2 | ≥ 3 | 2.00 | reached |" in printed
    assert "DEHB at 20, its own / ours | ≥ 2 | ≥ 3 | – | not run |" in printed
    assert "8 workers: regret / `fidelity=None`'s at 50" in printed
    assert np.all([name in printed for name in REPORTED])


def test_nothing_was_run(tmp_path, capsys):
    curves_report.main(["--results", str(tmp_path)])
    assert "not run" in capsys.readouterr().out
