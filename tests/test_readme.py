"""The code of README.md runs as it stands there."""

import re
from pathlib import Path

import keras_tuner
import numpy as np

README = Path(__file__).parent.parent / "README.md"


def code_with(words):
    """Returns the one block of code that has some words."""
    text = README.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    (block,) = [block for block in blocks if words in block]
    return block


def test_code_of_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    names = {
        "x_train": rng.random((32, 28, 28, 1)),
        "x_val": rng.random((8, 28, 28, 1)),
    }
    names |= {
        "y_train": rng.integers(10, size=32),
        "y_val": rng.integers(10, size=8),
    }
    swap = code_with("was: keras_tuner.RandomSearch")
    exec(swap.replace("max_trials=30", "max_trials=2"), names)
    tuner = names["tuner"]
    assert len(tuner.oracle.get_best_trials(5)) == 2
    assert names["model"].predict(names["x_val"], verbose=0).shape == (8, 10)
    exec(code_with('survival="aging"'), names)
    exec(code_with("warm_start="), names)
    oracle = names["tuner"].oracle
    given = {"layers": 2, "units_0": 128, "units_1": 64}
    first = oracle.create_trial("tuner0")
    assert given.items() <= first.hyperparameters.values.items()
    assert len(oracle.history.imports) == 2
    costs = code_with("measure=").replace("max_trials=30", "max_trials=2")
    exec(costs, names)
    for trial in names["tuner"].oracle.get_best_trials():
        assert trial.metrics.get_best_value("flops") > 0
    trade_off = code_with("limits=").replace("max_trials=30", "max_trials=2")
    exec(trade_off, names)
    assert len(names["models"]) == len(names["tuner"].get_pareto_trials())
    folds = code_with("cross_validation=5").replace("30", "2")
    exec(folds.replace("epochs=5", "epochs=1"), names)
    best = names["tuner"].oracle.get_best_trials()[0]
    assert best.metrics.get_best_value("num_executions") == 5
    exec(code_with("stop="), names)
    assert names["tuner"].oracle.stop_reason is None
    spaces = code_with("nas.HyperConvNet").replace(
        "max_trials=30", "max_trials=1"
    )
    exec(spaces.replace("epochs=5", "epochs=1"), names)
    exec(code_with("def build_blocks"), names)
    hp = keras_tuner.HyperParameters()
    assert names["build_blocks"](hp).output_shape == (None, 10)
    assert "stage_2/block_1/kernel" in hp
