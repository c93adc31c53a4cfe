"""What is installed, and where extras and the repository are named."""

import ast
import configparser
import importlib.metadata
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
PATTERNS = ("*.md", "*.py", "*.ipynb", "*.yml", "*.cfg")
SKIPPED = {"build", ".venv", "node_modules"}


def setup():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


def name_of(requirement):
    return re.match(r"[\w.-]+", requirement)[0].lower()


def requirements(*extras):
    """Returns the names of the distributions of extras, and of none."""
    lines = setup()["options"]["install_requires"].splitlines()
    for extra in extras:
        lines += setup()["options.extras_require"][extra].splitlines()
    found = set()
    for line in filter(None, lines):
        own = re.fullmatch(r"kt-evolution\[(.*)\]", line)
        found |= requirements(*own[1].split(",")) if own else {name_of(line)}
    return found


def texts():
    for pattern in PATTERNS:
        for path in ROOT.rglob(pattern):
            if not SKIPPED & set(path.relative_to(ROOT).parts):
                yield path.relative_to(ROOT), path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def repository():
    path = ROOT / "docs" / "repository.py"
    spec = importlib.util.spec_from_file_location("repository", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_need_no_other_packages_than_their_extra(example):
    tree = ast.parse(example.read_text(encoding="utf-8"))
    modules = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module]
        )
    }
    own = {"kt_evolution", *(path.stem for path in EXAMPLES)}
    homes = importlib.metadata.packages_distributions()
    missing = {
        module
        for module in modules - own - set(sys.stdlib_module_names)
        if not {name.lower() for name in homes.get(module, [module])}
        & requirements("examples")
    }
    assert missing == set()
    # `--draw`, and `report` of the tuner.
    assert {"drawsvg", "jinja2", "plotly"} <= requirements("examples")


def test_extras_have_one_spelling_and_exist():
    extras = set(setup()["options.extras_require"])
    for path, text in texts():
        assert not re.search(r"kt_evolution\[[a-z{]", text), path
        for names in re.findall(r"kt-evolution\[([a-z_,]+)\]", text):
            assert set(names.split(",")) <= extras, path


def test_only_setup_cfg_is_asked_for_the_owner(repository):
    naming = {path.relative_to(ROOT) for path in repository.NAMING}
    owner = repository.address().split("/")[-2]
    for path, text in texts():
        if path in naming:
            # `python docs/repository.py` would change nothing.
            assert repository.named(text) == text, path
        elif path.name != "setup.cfg":
            assert f"{owner}/kt-evolution" not in text, path


def test_another_owner_is_written_wherever_it_is_named(repository, monkeypatch):
    url = "https://github.com/some-one.else/kt-evolution"
    monkeypatch.setattr(repository, "address", lambda: url)
    for path in repository.NAMING:
        text = path.read_text(encoding="utf-8")
        named = repository.named(text)
        assert named != text
        assert repository.named(named) == named
        assert "OWNER" not in named


def test_links_out_of_the_pages_lead_to_the_repository(repository):
    class Page:
        class file:
            src_uri = "guides/costs.md"

    def linked(target):
        text = f"See [this]({target})."
        return repository.on_page_markdown(text, Page, {}, []).split("(")[1]

    blob = f"{repository.address()}/blob/main"
    assert linked("../../README.md") == f"{blob}/README.md)."
    assert linked("../../a/b.md#c") == f"{blob}/a/b.md#c)."
    assert linked("../faq.md#c") == "../faq.md#c)."
    assert linked("noise.md") == "noise.md)."


def test_an_import_that_fails_names_the_line_that_installs_it():
    code = (
        "import sys; sys.modules['optuna'] = None\n"
        "from kt_evolution.optional import import_module\n"
        "import_module('optuna', 'optuna')"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert 'pip install "kt-evolution[optuna]"' in result.stderr
