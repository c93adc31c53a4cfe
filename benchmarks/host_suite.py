"""Keras Tuner's own tests, with our tuner in the place of `RandomSearch`.

    git clone https://github.com/keras-team/keras-tuner
    python benchmarks/host_suite.py keras-tuner
    python benchmarks/host_suite.py keras-tuner --stock

The installed package has no tests, so they come from a checkout. Every test
file that uses `RandomSearch` is run against the installed package, whose
modules are in `keras_tuner.src`. `--stock` runs the same files without our
tuner, to show which tests fail in any case. `RESULTS.md` names the tests that
fail with ours.
"""

import argparse
import os
import pkgutil
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras_tuner
import pytest
from keras_tuner.src import tuners
from keras_tuner.src.tuners import randomsearch

import kt_evolution

MODULES = [one.name for one in pkgutil.iter_modules(keras_tuner.src.__path__)]
NAME = "|".join(MODULES)
# The tests were written when the modules were in `keras_tuner` itself.
MOVES = {
    r"\bkeras_tuner\.test_utils\b": "test_utils",
    rf"\bfrom keras_tuner import ({NAME})\b": r"from keras_tuner.src import \1",
    rf"\bkeras_tuner\.({NAME})\b": r"keras_tuner.src.\1",
}


def copy_tests(checkout: Path, folder: Path) -> list[str]:
    """Copies the tests of a checkout, for the modules of the installed package.

    Args:
        checkout: Path, the repository.
        folder: Path, an empty folder.

    Returns:
        List of the files that use `RandomSearch`, relative to the folder.
    """
    package = checkout / "keras_tuner"
    files = [package / "conftest.py", *package.glob("test_utils/*.py")]
    users = []
    for path in [*files, *sorted(package.rglob("*_test.py"))]:
        text = path.read_text(encoding="utf-8")
        for old, new in MOVES.items():
            text = re.sub(old, new, text)
        copy = folder / path.relative_to(package)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(text, encoding="utf-8")
        if "RandomSearch" in text:
            users.append(str(path.relative_to(package)))
    return users


def replace_random_search() -> None:
    """Puts our tuner and oracle wherever the tests find the host's."""
    for module in (keras_tuner, keras_tuner.tuners, tuners, randomsearch):
        module.RandomSearch = kt_evolution.EvolutionTuner
    for module in (keras_tuner.oracles, randomsearch):
        module.RandomSearchOracle = kt_evolution.EvolutionOracle
    keras_tuner.oracles.RandomSearch = kt_evolution.EvolutionOracle


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path, help="Keras Tuner's repository")
    parser.add_argument(
        "--stock", action="store_true", help="test the host's RandomSearch"
    )
    arguments = parser.parse_args()
    if not arguments.stock:
        replace_random_search()
    with tempfile.TemporaryDirectory() as directory:
        users = copy_tests(arguments.checkout, Path(directory))
        os.chdir(directory)
        sys.path.insert(0, directory)
        options = ["-q", "--rootdir=.", "-p", "no:cacheprovider", "--tb=line"]
        return int(pytest.main([*options, *users]))


if __name__ == "__main__":
    sys.exit(main())
