"""What the display costs for each trial, next to the host's.

    python benchmarks/display_overhead.py

Trials are run through the oracle's API without training, silently and with the
display, which writes to a terminal that nobody sees. The difference is what is
shown, ours being drawn in a thread besides. CPU milliseconds per trial, of the
last fifth before each size.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks import overhead

SIZES = (100, 1_000)
AIM = 5.0


def measure(name: str, verbose: int, sizes: list[int]) -> dict[int, float]:
    """Returns the milliseconds per trial, by size."""
    found = {}
    with tempfile.TemporaryDirectory() as directory:
        tuner = overhead.make_tuner(name, directory, max(sizes))
        tuner.oracle.verbose = verbose
        with contextlib.ExitStack() as stack:
            if verbose and name == "EvolutionTuner":
                display: Any = tuner.oracle.display
                stack.enter_context(display.live())
            overhead.run_trials(tuner, overhead.WARM_UP)
            done = overhead.WARM_UP
            for size in sizes:
                start = size * 4 // 5
                overhead.run_trials(tuner, start - done)
                clock = time.process_time()
                overhead.run_trials(tuner, size - start)
                seconds = time.process_time() - clock
                found[size] = 1000 * seconds / (size - start)
                done = size
    return found


def run_self(name: str, verbose: int, sizes: list[int]) -> dict[int, float]:
    """Measures in a fresh process that believes in a terminal."""
    command = [sys.executable, __file__, "--measure", name, str(verbose)]
    command += ["--sizes", *map(str, sizes)]
    output = subprocess.run(
        command,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**overhead.os.environ, "FORCE_COLOR": "1"},
    )
    last = output.stderr.strip().splitlines()[-1]
    return {int(size): ms for size, ms in json.loads(last).items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    sizes = sorted(arguments.sizes)
    if arguments.measure:
        name, verbose = arguments.measure
        print(json.dumps(measure(name, int(verbose), sizes)), file=sys.stderr)
        return
    print("| trials | display | silent, ms | shown, ms | display, ms | aim |")
    print("| ---: | --- | ---: | ---: | ---: | ---: |")
    for name in overhead.TUNERS:
        silent, shown = (run_self(name, verbose, sizes) for verbose in (0, 1))
        for size in sizes:
            is_ours = name == "EvolutionTuner" and size == 1_000
            aim = f"< {AIM:g} ms" if is_ours else ""
            print(
                f"| {size:,} | {name} | {silent[size]:.2f} | {shown[size]:.2f} "
                f"| {shown[size] - silent[size]:.2f} | {aim} |"
            )


if __name__ == "__main__":
    main()
