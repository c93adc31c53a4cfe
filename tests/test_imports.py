"""The core of the search is light: no Keras, no backend."""

import subprocess
import sys

import pytest

HEAVY = ("keras", "keras_tuner", "tensorflow", "jax", "torch")

PROBE = """
import importlib, pkgutil, sys
package = importlib.import_module({name!r})
for module in pkgutil.iter_modules(getattr(package, "__path__", [])):
    if {name!r} != "kt_evolution":
        importlib.import_module({name!r} + "." + module.name)
print(*(name for name in {heavy!r} if name in sys.modules))
"""


@pytest.mark.parametrize(
    "name",
    [
        "kt_evolution",
        "kt_evolution.algorithm",
        "kt_evolution.algorithm.operators",
        "kt_evolution.algorithm.surrogate",
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


def test_public_names_are_listed():
    import kt_evolution

    assert {"EvolutionOracle", "EvolutionTuner"} <= set(dir(kt_evolution))


def test_an_unknown_name_is_an_attribute_error():
    import kt_evolution

    with pytest.raises(AttributeError, match="no attribute 'Evolutoin'"):
        kt_evolution.Evolutoin  # noqa: B018
