"""The code of the pages under docs/ runs, and what they name is there."""

import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import ray
import tensorflow as tf

import kt_evolution
from kt_evolution import nas
from kt_evolution import ray_tune
from kt_evolution import reporting

DOCS = Path(__file__).parent.parent / "docs"
API = "\n".join(page.read_text() for page in (DOCS / "api").glob("*.md"))
# What makes a search as short as it can be.
SHORT = [
    (r"(max_trials|num_samples)=\d+", r"\g<1>=2"),
    (r"epochs(=|\": )\d+", r"epochs\g<1>1"),
    (r"new_tuner\(30\)", "new_tuner(2)"),
    (r"new_tuner\(31\)", "new_tuner(3)"),
    (r"cross_validation=5", "cross_validation=2"),
    (r"/content/drive/MyDrive/", ""),
]


def blocks_of(page):
    text = page.read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


PAGES = [page for page in sorted(DOCS.rglob("*.md")) if blocks_of(page)]


@pytest.fixture
def eager():
    """One batch is trained sooner than a graph is made for it."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def names():
    """What the pages take for granted."""
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.random((32, 28, 28, 1), dtype="float32"),
        "y_train": np.arange(32) % 10,
        "x_val": rng.random((8, 28, 28, 1), dtype="float32"),
        "y_val": np.arange(8) % 10,
    }


@pytest.mark.later
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
@pytest.mark.usefixtures("eager")
@pytest.mark.filterwarnings("error:All .* trials failed:UserWarning")
def test_code_runs(page, names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    drive = types.SimpleNamespace(mount=lambda folder: None)
    colab = types.SimpleNamespace(drive=drive)
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    start = blocks_of(DOCS / "getting_started.md")[0]
    code = "\n".join([start, *blocks_of(page)])
    for pattern, short in SHORT:
        code = re.sub(pattern, short, code)
    try:
        exec(compile(code, page.name, "exec"), names)
    finally:
        # The guide of Ray starts one.
        ray.shutdown()


@pytest.mark.parametrize(
    "module", [kt_evolution, nas, ray_tune, reporting, reporting.figures]
)
def test_every_public_name_is_in_the_reference(module):
    headings = re.findall(r"heading: (\S+)", API)
    public = {f"{module.__name__}.{name}" for name in module.__all__}
    assert public <= set(headings)


def test_every_page_is_in_the_navigation():
    listed = (DOCS.parent / "mkdocs.yml").read_text()
    pages = [str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")]
    assert [page for page in pages if f"- {page}\n" not in listed] == []


def test_no_two_pages_have_one_title():
    pages = sorted(DOCS.rglob("*.md"))
    titles = [page.read_text().partition("\n")[0] for page in pages]
    assert len(set(titles)) == len(pages)
    # The site's own name stands above the titles.
    assert "# kt_evolution" not in titles


def test_the_reference_lists_what_users_of_keras_tuner_call():
    page = (DOCS / "api" / "search.md").read_text()
    tuner, oracle = page.split("::: kt_evolution.oracle.EvolutionOracle")
    inherited = re.findall(r"^        - (\w+)$", tuner, re.MULTILINE)
    listed = [*inherited, *re.findall(r"EvolutionTuner\.(\w+)", tuner)]
    methods = {
        "search",
        "get_best_models",
        "get_best_hyperparameters",
        "results_summary",
        "search_space_summary",
        "load_model",
        "run_trial",
    }
    assert methods <= set(listed)
    assert {"get_pareto_models", "best_values"} <= set(listed)
    for name in listed:
        assert hasattr(kt_evolution.EvolutionTuner, name), name
    for name in re.findall(r"^        - (get_\w+)$", oracle, re.MULTILINE):
        assert hasattr(kt_evolution.EvolutionOracle, name), name


def test_every_picture_is_small_and_can_be_drawn_again():
    script = (DOCS / "draw_figures.py").read_text()
    pictures = [
        path for path in (DOCS / "figures").iterdir() if not path.is_symlink()
    ]
    assert pictures
    for path in pictures:
        # A report has the name of its scheme.
        name = path.stem.removesuffix("light").removesuffix("dark")
        assert name in script, path.name
        assert path.stat().st_size < 150_000, path.name
