"""The table of zero-cost proxies, and the race with and without them."""

import json

import numpy as np
import pytest

from benchmarks import proxy_inputs
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
    assert found.keys() == set(proxy_race.PROXIES)
    assert all(map(np.isfinite, found.values()))


def test_a_proxy_that_knows_the_scores_finds_the_best_at_once(tmp_path, capsys):
    task = tasks.load_task(TABLE)
    cells = ["".join(map(str, cell)) for cell in np.ndindex(*task.sizes)]
    best = cells[int(task.means.argmin())]
    scores = {
        cell: -task.regret(tuple(map(int, cell)))
        for cell in [best, *np.random.default_rng(0).permutation(cells)[:20]]
    }
    record = proxy_race.run_seed(task, 0, scores, len(scores), 3)
    assert record.queries_to_best == record.evaluations == 1
    assert record.steps == [(1, 0.0)]
    every, _, count = proxy_race.correlations(task, scores)
    assert every == 1.0 and count == len(scores)
    record = proxy_race.run_seed(task, 0, scores, len(scores), 1, True)
    assert record.steps == [(1, 0.0)]


def test_races_are_recorded_and_compared(tmp_path, capsys):
    file = tmp_path / "proxies.jsonl"
    lines = [
        json.dumps({"cell": cell, **dict.fromkeys(proxy_race.PROXIES, number)})
        for number, cell in enumerate(
            sorted(set(proxy_table.representatives().values()))[::40]
        )
    ]
    file.write_text("\n".join(lines))
    arguments = ["--starts", "params", "nothing", "--tasks", TABLE]
    arguments += ["--seeds", "0-1", "--known", "5", "--budget", "2"]
    arguments += ["--table", str(file), "--results", str(tmp_path)]
    proxy_race.main(arguments)
    first = capsys.readouterr().out
    assert f"{len(lines)} functions are measured" in first
    assert f"| {TABLE}, params | 2 | 3.0 ± 0.0 | 3.0 ± 0.0 | 3, 3 |" in first
    assert "| params, 1 | 2 | " in first
    records = results.load(proxy_race.path_of(tmp_path, "params"))
    assert records.keys() == {(TABLE, 0), (TABLE, 1)}
    proxy_race.main(arguments)
    assert f"{TABLE} params 0" not in capsys.readouterr().out


def test_an_input_that_knows_the_scores_finds_the_best_soon():
    task = tasks.load_task(TABLE)
    known = {}
    for cell, first in proxy_table.representatives().items():
        score = -task.regret(tuple(map(int, cell)))
        # Cells of one function share a proxy, that of the best.
        before = known.get(first, {"synflow": -np.inf})["synflow"]
        known[first] = {"params": 1.0, "synflow": max(score, before)}
    with_it = proxy_inputs.run_seed(task, 0, known, "synflow", 12)
    misled = proxy_inputs.run_seed(task, 0, known, "shuffled", 12)
    assert with_it.steps[-1][1] < misled.steps[-1][1]
    assert misled.queries_to_best is None and misled.evaluations == 12


def test_inputs_are_recorded_and_compared(tmp_path, capsys):
    file = tmp_path / "proxies.jsonl"
    lines = [
        json.dumps({"cell": cell, "params": 1, "synflow": float(number)})
        for number, cell in enumerate(
            sorted(set(proxy_table.representatives().values()))
        )
    ]
    file.write_text("\n".join(lines))
    without = proxy_race.run_seed(tasks.load_task(TABLE), 0, None, 0, 3)
    path = proxy_race.path_of(tmp_path, proxy_race.NOTHING)
    results.append(path, without)
    arguments = ["--inputs", "synflow", "--tasks", TABLE, "--seeds", "0-1"]
    arguments += ["--budget", "7", "--table", str(file)]
    arguments += ["--results", str(tmp_path)]
    proxy_inputs.main(arguments)
    first = capsys.readouterr().out
    assert f"{TABLE} synflow 1 None" in first
    assert f"| {TABLE}, synflow | 1 | 8.0 ± 0.0 | 4.0 ± 0.0 | 8, 4 |" in first
    records = results.load(proxy_inputs.path_of(tmp_path, "synflow"))
    assert records.keys() == {(TABLE, 0), (TABLE, 1)}
    proxy_inputs.main(arguments)
    assert f"{TABLE} synflow" not in capsys.readouterr().out
