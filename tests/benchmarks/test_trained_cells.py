"""The table of trained cells, and the searches in it."""

import numpy as np
import pytest

from benchmarks import cell_trainings
from benchmarks import many_choices
from benchmarks import results
from benchmarks import trained_cells
from benchmarks.cell_trainings import Training

pytestmark = pytest.mark.later

NUMBER = 80


def scores_of(values):
    """Scores that three choices decide, so that they can be learned."""
    effects = {name: i for i, name in enumerate(many_choices.OPERATIONS)}
    return np.array(
        [
            -effects[one["normal/node_1/operation_1"]]
            - 0.5 * effects[one["normal/node_2/operation_1"]]
            - 0.1 * (one["head/pooling"] == "max")
            for one in values
        ]
    )


@pytest.fixture(scope="module")
def networks():
    return [cell_trainings.values_of(number) for number in range(NUMBER)]


def test_a_network_is_trained_once(tmp_path, capsys):
    arguments = ["--networks", "0-1", "--epochs", "1"]
    arguments += ["--results", str(tmp_path)]
    cell_trainings.main(arguments)
    table = cell_trainings.load(tmp_path)
    assert list(table) == [(0, 0), (1, 0)]
    for number in range(2):
        training = table[number, 0]
        assert len(training.accuracies) == 1
        # Of ten classes.
        assert 0.02 < training.accuracies[0] < 1
        assert training.values == cell_trainings.values_of(number)
    capsys.readouterr()
    cell_trainings.main(arguments)
    assert capsys.readouterr().out == ""


def test_a_network_of_the_table_keeps_its_values(tmp_path, monkeypatch):
    trained = []
    monkeypatch.setattr(
        cell_trainings,
        "train",
        lambda values, seed, epochs: trained.append(values) or [0.5],
    )
    monkeypatch.setattr(cell_trainings, "values_of", lambda n: {"cells": n})
    arguments = ["--networks", "3", "--results", str(tmp_path)]
    cell_trainings.main(arguments)
    # The space changes.
    monkeypatch.setattr(cell_trainings, "values_of", lambda n: {"cells": 0})
    cell_trainings.main([*arguments, "--seed", "1"])
    assert trained == [{"cells": 3}, {"cells": 3}]


def test_each_number_has_a_network_of_its_own(networks):
    distinct = {str(sorted(one.items())) for one in networks}
    assert len(distinct) == NUMBER
    assert networks[3] == cell_trainings.values_of(3)


def test_images_of_the_table_are_used_once():
    (x, _), (others, _) = cell_trainings.data()
    assert (len(x), len(others)) == (1150, 647)


def test_operations_are_counted_in_each_cell():
    features = trained_cells.features_of(
        {
            "cells": 2,
            "normal/node_1/operation_1": "conv_3",
            "normal/node_2/operation_2": "conv_3",
            "reduction/node_1/operation_1": "conv_3",
        }
    )
    assert features["normal/conv_3"] == 2
    assert features["reduction/conv_3"] == 1
    assert features["cells=2"] == 1
    assert len(features) == 6


def test_the_noise_is_that_between_trainings_of_a_network():
    table = {
        (network, seed): Training(network, seed, [0.5, score], 1.0, {})
        for (network, seed), score in {
            (0, 0): 0.8,
            (0, 1): 0.9,
            (1, 0): 0.9,
            (1, 1): 0.8,
            (2, 0): 0.6,
        }.items()
    }
    expected = 0.1 / np.sqrt(2)
    assert trained_cells.noise_of(table) == pytest.approx(expected)
    with pytest.raises(ValueError, match="trained twice"):
        trained_cells.noise_of({(2, 0): table[2, 0]})


def test_the_surrogate_finds_the_best_of_a_table_earlier(networks):
    scores = scores_of(networks)
    first = many_choices.NUM_INITIAL
    found = []
    for seed in range(6):
        random = trained_cells.random_search(scores, 30, seed)
        chosen = trained_cells.surrogate_search(networks, scores, 30, seed)
        assert random[:first].tolist() == chosen[:first].tolist()
        assert np.all(np.diff(chosen) >= 0)
        found.append((random[-1], chosen[-1]))
    # Only one of the networks is the best.
    assert [chosen for _, chosen in found] == [scores.max()] * 6
    assert min(random for random, _ in found) < scores.max()


def test_the_better_model_is_chosen(networks):
    scores = scores_of(networks)
    model = trained_cells.ScoreModel(networks, scores / scores.std())
    assert model.taus[model.kind] == max(model.taus.values())
    predicted = [model(values) for values in networks]
    assert np.corrcoef(predicted, scores)[0, 1] > 0.8


def test_both_searches_are_reported(tmp_path, capsys, networks):
    for number, score in enumerate(scores_of(networks)):
        for seed in range(2 if number < 3 else 1):
            training = {
                "network": number,
                "seed": seed,
                "accuracies": [0.0, 1 + 0.1 * (score - 0.1 * seed)],
                "seconds": 1.0,
                "values": networks[number],
            }
            results.append_line(tmp_path / cell_trainings.FILE_NAME, training)
    arguments = ["--trials", "12", "--seeds", "0-1", "--searchers", "random"]
    trained_cells.main([*arguments, "--results", str(tmp_path)])
    printed = capsys.readouterr().out
    assert f"among {NUMBER} | 12 |" in printed
    assert "| surrogate |" in printed
    assert "searcher | 12 | nearest |" in printed
    assert printed.strip().splitlines()[-1].startswith("| random |")


def test_proxies_are_compared_with_scores(monkeypatch):
    measured = iter(range(4))
    monkeypatch.setattr(
        trained_cells,
        "proxies_of",
        lambda _: {"params": -next(measured), "synflow": 1.0},
    )
    scores = np.array([0.1, 0.2, 0.4, 0.3])
    found = trained_cells.table_of_proxies([{}] * 4, scores)
    # The better half is the last two.
    assert "| params | -0.80 | 1.00 |" in found
    assert "| synflow | nan | nan |" in found


def test_proxies_are_those_of_the_network(networks):
    found = trained_cells.proxies_of(networks[0])
    assert found == trained_cells.proxies_of(networks[0])
    assert found.keys() == {"params", "naswot", "synflow"}
    assert found["params"] > 1000
