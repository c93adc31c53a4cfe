"""What it costs to look at a search: `show`, `export` and `report`.

    python benchmarks/looking.py

Searches without training are run through the oracle's API, and each command of
`kt-evolution` is run on them in a process of its own. CPU seconds, the imports
included, which are those of the first row, a search of ten trials.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks import overhead

SIZES = (10, 1_000, 10_000)
COMMANDS = ("show", "export", "report")
AIMS = {"export": 5.0, "report": 10.0}
TUNER = "EvolutionTuner"


def make_project(directory: str, size: int) -> str:
    """Returns the folder of a search of so many trials."""
    overhead.run_trials(overhead.make_tuner(TUNER, directory, size), size)
    return str(Path(directory) / TUNER)


def measure(command: str, folder: str, directory: str) -> float:
    """Returns the CPU seconds of a command."""
    code = (
        "import sys\n"
        "from kt_evolution.reporting.command_line import main\n"
        "sys.exit(main())"
    )
    arguments = [sys.executable, "-c", code, command, folder]
    if command != "show":
        arguments += ["-o", str(Path(directory) / command)]
    before = _seconds()
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
    return _seconds() - before


def _seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    sizes = sorted(parser.parse_args().sizes)
    print("| trials | " + " | ".join(f"{c}, s" for c in COMMANDS) + " |")
    print("| ---: |" + " ---: |" * len(COMMANDS))
    for size in sizes:
        with tempfile.TemporaryDirectory() as directory:
            folder = make_project(directory, size)
            costs = [measure(name, folder, directory) for name in COMMANDS]
        print(f"| {size:,} | " + " | ".join(f"{c:.1f}" for c in costs) + " |")
    aims = ", ".join(f"{name} {aim:g} s" for name, aim in AIMS.items())
    print(f"\nAims at 10,000 trials, imports left out: {aims}.")


if __name__ == "__main__":
    main()
