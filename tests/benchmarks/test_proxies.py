"""The table of zero-cost proxies, and the race with and without them."""

import json

import numpy as np
import pytest

from benchmarks import proxy_race
from benchmarks import proxy_table
from benchmarks import results
from benchmarks import tasks

pytestmark = pytest.mark.later

TABLE = "nasbench201/cifar10"


@pytest.mark.parametrize(
    ("cell", "same"),
    [
        # Nothing arrives at nodes 1 and 2, whatever leaves them.
        ("003333", "000300"),
        # Nothing leaves node 1.
        ("330303", "030303"),
        # A convolution, before skip connections by node 2 or to the output.
        ("301001", "300010"),
        # Two paths that are added, in either order.
        ("230011", "320011"),
    ],
)
def test_cells_that_are_the_same_function_share_proxies(cell, same):
    first = proxy_table.representatives()
    assert first[cell] == first[same] == min(cell, same, first[cell])


def test_cells_that_differ_do_not():
    first = proxy_table.representatives()
    assert len(first) == 5**6
    assert first["300010"] != first["200010"]
    assert first["100110"] != first["100100"]
    assert proxy_table.function_of("301001") == ("3(x)",)
    # The input arrives twice.
    assert proxy_table.function_of("100110") == ("x", "x")


def test_a_table_goes_on_where_it_ended(tmp_path, monkeypatch):
    file = tmp_path / "proxies.jsonl"
    asked = []

    def measured(cell):
        asked.append(cell)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return {"params": 1.0}

    monkeypatch.setattr(proxy_table, "measured", measured)
    with pytest.raises(KeyboardInterrupt):
        proxy_table.main(["--table", str(file)])
    with file.open("a") as stream:
        stream.write('\n{"cell": "33')
    assert set(proxy_table.load(file)) == set(asked[:2])
    assert next(proxy_table.missing(proxy_table.load(file))) == asked[2]
    monkeypatch.setattr(proxy_table, "measured", lambda cell: {"params": 2.0})
    proxy_table.main(["--table", str(file), "--minutes", "0"])
    assert len(proxy_table.load(file)) == 2
    assert proxy_table.load(file)[asked[0]] == {"params": 1.0}


def test_a_cell_has_all_proxies():
    found = proxy_table.measured("303101")
    assert found.keys() == set(proxy_race.RANKED)
    assert all(map(np.isfinite, found.values()))


def written_table(folder):
    """Writes a table of proxies that tell nothing, and returns its path."""
    file = folder / "proxies.jsonl"
    functions = sorted(set(proxy_table.representatives().values()))
    lines = [
        json.dumps({"cell": cell, **dict.fromkeys(proxy_race.RANKED, number)})
        for number, cell in enumerate(functions)
    ]
    file.write_text("\n".join(lines))
    return file


@pytest.fixture(scope="module")
def true_proxies():
    """SynFlow that is the score of the best cell of each function."""
    task = tasks.load_task(TABLE)
    known = {}
    for cell, first in proxy_table.representatives().items():
        score = -task.regret(tuple(map(int, cell)))
        before = known.get(first, {"synflow": -np.inf})["synflow"]
        known[first] = {"params": 1.0, "synflow": max(score, before)}
    return known


def test_an_input_that_knows_the_scores_finds_the_best_soon(true_proxies):
    task = tasks.load_task(TABLE)
    with_it = proxy_race.run_seed(task, 0, true_proxies, "synflow", 12)
    misled = proxy_race.run_seed(task, 0, true_proxies, "shuffled", 12)
    assert with_it.steps[-1][1] < misled.steps[-1][1]
    assert misled.queries_to_best is None and misled.evaluations == 12


def test_a_proxy_that_is_the_score_ranks_all_cells():
    task = tasks.load_task(TABLE)
    cells = ["".join(map(str, cell)) for cell in np.ndindex(*task.sizes)]
    scores = {cell: -task.regret(tuple(map(int, cell))) for cell in cells}
    assert proxy_race.correlations(task, scores) == (1.0, 1.0)
    reversed_scores = {cell: -score for cell, score in scores.items()}
    assert proxy_race.correlations(task, reversed_scores) == (-1.0, -1.0)


def test_races_are_recorded_and_compared(tmp_path, capsys):
    arguments = ["--inputs", "naswot+synflow", "nothing", "--tasks", TABLE]
    arguments += ["--seeds", "0-1", "--budget", "7"]
    arguments += ["--table", str(written_table(tmp_path))]
    arguments += ["--results", str(tmp_path)]
    proxy_race.main(arguments)
    first = capsys.readouterr().out
    assert "| table | params | naswot | synflow |" in first
    assert f"{TABLE} naswot+synflow 1 None" in first
    assert (
        f"| {TABLE}, naswot+synflow | 2 | 8.0 ± 0.0 | 8.0 ± 0.0 | 8, 8 |"
        in first
    )
    records = proxy_race.records_of(tmp_path, "naswot+synflow")
    assert records.keys() == {(TABLE, 0), (TABLE, 1)}
    without = proxy_race.records_of(tmp_path, proxy_race.NOTHING)
    assert records[TABLE, 0].steps != without[TABLE, 0].steps
    proxy_race.main(arguments)
    assert f"{TABLE} naswot+synflow 1" not in capsys.readouterr().out


def test_searches_of_another_race_count_as_those_without(tmp_path):
    searched = proxy_race.run_seed(tasks.load_task(TABLE), 3, {}, "nothing", 2)
    results.append(results.path(tmp_path, "evolution", "clean"), searched)
    (found,) = proxy_race.records_of(tmp_path, "nothing").values()
    assert (found.task, found.seed, found.evaluations) == (TABLE, 3, 2)
    assert proxy_race.records_of(tmp_path, "synflow") == {}
