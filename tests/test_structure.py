"""The package keeps to its plan: short modules, and flat classes."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "kt_evolution"
MODULES = sorted(PACKAGE.rglob("*.py"))
MAX_LINES = 400


def test_no_module_is_longer_than_it_may_be():
    lengths = {
        str(path.relative_to(PACKAGE)): len(path.read_text().splitlines())
        for path in MODULES
    }
    assert len(lengths) > 100
    assert {k: n for k, n in lengths.items() if n > MAX_LINES} == {}


def test_only_the_tuner_and_the_oracle_inherit_from_the_search_of_the_host():
    found = [
        (node.name, ast.unparse(base))
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        for base in node.bases
        if ast.unparse(base) in ("kt.Tuner", "kt.Oracle")
        or ast.unparse(base) in ("EvolutionTuner", "EvolutionOracle")
    ]
    assert found == [
        ("EvolutionOracle", "kt.Oracle"),
        ("EvolutionTuner", "kt.Tuner"),
    ]
