"""The code of README.md and of the guides that it names runs as it stands."""

import re
from pathlib import Path

import keras_tuner
import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
GUIDES = ROOT / "docs" / "guides"


def code_with(words, page=README):
    """Returns the one block of code of a page that has some words."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    (block,) = [block for block in blocks if words in block]
    return block


@pytest.fixture
def names(tmp_path, monkeypatch):
    """What the code takes for granted."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    names = {
        "x_train": rng.random((32, 28, 28, 1)),
        "x_val": rng.random((8, 28, 28, 1)),
    }
    return names | {
        "y_train": rng.integers(10, size=32),
        "y_val": rng.integers(10, size=8),
    }


def search(names):
    names["tuner"].search(
        names["x_train"],
        names["y_train"],
        validation_data=(names["x_val"], names["y_val"]),
        verbose=0,
    )


def test_code_of_the_readme_runs(names):
    swap = code_with("was: keras_tuner.RandomSearch")
    exec(swap.replace("max_trials=30", "max_trials=2"), names)
    tuner = names["tuner"]
    assert len(tuner.oracle.get_best_trials(5)) == 2
    assert names["model"].predict(names["x_val"], verbose=0).shape == (8, 10)
    exec(code_with("warm_start"), names)
    oracle = names["tuner"].oracle
    given = {"layers": 2, "units_0": 128, "units_1": 64}
    first = oracle.create_trial("tuner0")
    assert given.items() <= first.hyperparameters.values.items()
    assert len(oracle.history.imports) == 2
    trade_off = code_with("Limit(")
    trade_off = trade_off.replace("**options", "max_trials=2, **options")
    exec(trade_off, names)
    search(names)
    models = names["tuner"].get_pareto_models()
    assert len(models) == len(names["tuner"].get_pareto_trials())
    exec(code_with('"stop"'), names)
    assert names["tuner"].oracle.stop_reason is None
    space = code_with("HyperConvNet")
    space = space.replace("project_name", "max_trials=1, project_name")
    exec(space, names)
    search(names)
    assert len(names["tuner"].oracle.get_best_trials()) == 1


def test_code_of_the_guides_does_what_they_say(names):
    swap = code_with("was: keras_tuner.RandomSearch")
    exec(swap.replace("max_trials=30", "max_trials=1"), names)
    exec(code_with('survival="aging"', GUIDES / "search.md"), names)
    costs = code_with("measure=", GUIDES / "costs.md")
    exec(costs.replace("max_trials=30", "max_trials=2"), names)
    for trial in names["tuner"].oracle.get_best_trials():
        assert trial.metrics.get_best_value("flops") > 0
    folds = code_with("cross_validation=5", GUIDES / "noise.md")
    exec(folds.replace("30", "2").replace("epochs=5", "epochs=1"), names)
    best = names["tuner"].oracle.get_best_trials()[0]
    assert best.metrics.get_best_value("num_executions") == 5
    guide = GUIDES / "architectures.md"
    exec("from kt_evolution import nas", names)
    exec(code_with("def build_blocks", guide), names)
    hp = keras_tuner.HyperParameters()
    assert names["build_blocks"](hp).output_shape == (None, 10)
    assert "stage_2/block_1/kernel_size" in hp


def test_links_of_the_readme_lead_somewhere():
    text = README.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_readme_is_short():
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 180
