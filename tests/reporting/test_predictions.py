"""What is said to be expected of a trial is the same everywhere."""

import kt_evolution
from kt_evolution.display.formatting import prediction
from kt_evolution.display.status import expected_of
from kt_evolution.reporting import read_search
from kt_evolution.reporting import write_report
from kt_evolution.reporting.tables import rows_of
from tests.reporting import projects


def test_the_report_and_the_display_expect_the_same(tmp_path):
    folder = projects.simulate(
        tmp_path / "p",
        16,
        failed=(8,),
        num_workers=1,
        surrogate="gaussian_process",
    )
    search = read_search(folder)
    oracle = kt_evolution.EvolutionOracle(
        projects.ACCURACY, max_trials=16, hyperparameters=projects.space()
    )
    oracle._set_project_dir(folder.parent, folder.name)
    oracle.reload()
    history = oracle.history
    shown = {
        trial.trial_id: expected_of(history, trial.trial_id, -1.0)
        for trial in search.trials
    }
    assert shown == {one.trial_id: one.prediction for one in search.trials}
    known = [trial for trial in search.trials if trial.prediction]
    assert len(known) >= 10
    # The journal has what the surrogate said. To maximize, the correction
    # lowers it.
    individual = history.individuals[history.position_of(known[0].trial_id)]
    raw_mean, raw_std = individual.prediction
    mean, std = known[0].prediction
    assert mean < -raw_mean and std != raw_std
    # An objective that is asked for later changes no prediction.
    other = read_search(folder, "min:params")
    assert [one.prediction for one in other.trials] == list(shown.values())
    rows = {row["trial_id"]: row for row in rows_of(search)}
    assert rows[known[0].trial_id]["predicted"] == mean
    assert rows[known[0].trial_id]["predicted_std"] == std
    page = tmp_path / "report.html"
    write_report(folder, page, trial_id=known[0].trial_id)
    assert prediction(mean, std) in page.read_text(encoding="utf-8")
