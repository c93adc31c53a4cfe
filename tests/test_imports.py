"""The core of the search is light: no Keras, no backend."""

import subprocess
import sys

import pytest

from tests.reporting import projects

HEAVY = ("keras", "keras_tuner", "tensorflow", "jax", "torch")

PROBE = """
import importlib, pkgutil, sys
package = importlib.import_module({name!r})
for module in pkgutil.iter_modules(getattr(package, "__path__", [])):
    if {name!r} != "kt_evolution":
        importlib.import_module({name!r} + "." + module.name)
print(*(name for name in {heavy!r} if name in sys.modules))
"""

RUN = """
import sys
from kt_evolution.reporting.command_line import main
status = main(sys.argv[1:])
print(status, "loaded:", *(name for name in {heavy!r} if name in sys.modules))
"""


@pytest.mark.parametrize(
    "name",
    [
        "kt_evolution",
        "kt_evolution.algorithm",
        "kt_evolution.algorithm.operators",
        "kt_evolution.algorithm.surrogate",
        "kt_evolution.reporting.command_line",
    ],
)
def test_a_fresh_process_loads_nothing_heavy(name):
    result = subprocess.run(
        [sys.executable, "-c", PROBE.format(name=name, heavy=HEAVY)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split() == []


@pytest.mark.parametrize(
    "command", ["show", "best", "export", "compare", "report"]
)
def test_a_command_that_reads_a_project_loads_nothing_heavy(
    tmp_path, command, monkeypatch
):
    folder = projects.simulate(tmp_path / "p", 14, projects.OBJECTIVES)
    # TensorFlow would log.
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    output = ["-o", tmp_path / "r.html"] if command == "report" else []
    run = RUN.format(heavy=HEAVY)
    result = subprocess.run(
        [sys.executable, "-c", run, command, folder, *output],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.splitlines()[-1] == "0 loaded:"
    assert result.stderr == ""


def test_public_names_are_listed():
    import kt_evolution

    assert {"EvolutionOracle", "EvolutionTuner"} <= set(dir(kt_evolution))


def test_an_unknown_name_is_an_attribute_error():
    import kt_evolution

    with pytest.raises(AttributeError, match="no attribute 'Evolutoin'"):
        kt_evolution.Evolutoin  # noqa: B018
