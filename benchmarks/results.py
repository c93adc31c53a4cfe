"""Records of races, and the JSON lines files that keep them.

One file for each searcher and track, one line for each race. A curve is kept
as its steps: `[[1, 0.9], [7, 0.2]]` is 0.9 from the first evaluation on and
0.2 from the seventh. Files are appended to as plain text;
`python -m benchmarks.results` moves their lines into compressed files beside
them, which are read likewise.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import lzma
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

FOLDER = pathlib.Path(__file__).parent / "results"
CHECKPOINTS = (10, 20, 50, 100, 200)

# A time at a checkpoint is the median over the proposals just before it.
TIMED_PROPOSALS = 10


@dataclasses.dataclass(frozen=True)
class Record:
    """One finished race.

    Args:
        task: String, the name of the task.
        seed: Integer.
        evaluations: Integer, how many were made.
        steps: List of `(evaluation, regret)`, where the regret of the best
            so far (or recommended) changed.
        proposal_ms: Dict, median milliseconds for a proposal and its report:
            over `"all"`, over the `"last"` and over those just before a
            checkpoint.
        queries_to_best: Integer, the evaluation at which the table's best
            cell was asked. None if it wasn't.
        exhausted: Boolean, whether the searcher stopped by itself.
        versions: Dict, package name to version.
        busy: Float, the share of time that simulated workers were busy. None
            if it wasn't measured.
    """

    task: str
    seed: int
    evaluations: int
    steps: list[tuple[int, float]]
    proposal_ms: dict[str, float]
    queries_to_best: int | None = None
    exhausted: bool = False
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    busy: float | None = None

    def regret_at(self, evaluation: int) -> float | None:
        """Returns the regret after so many evaluations, None if not run."""
        if not 1 <= evaluation <= self.evaluations:
            return None
        return [r for number, r in self.steps if number <= evaluation][-1]

    def curve(self, evaluations: int) -> np.ndarray:
        """Returns the regret after each evaluation, NaN where not run."""
        curve = np.full(evaluations, np.nan)
        for number, regret in self.steps:
            curve[number - 1 : self.evaluations] = regret
        return curve


def path(folder: pathlib.Path, searcher: str, track: str) -> pathlib.Path:
    return folder / f"{searcher}.{track}.jsonl"


def archive_of(file: pathlib.Path) -> pathlib.Path:
    return file.with_name(f"{file.name}.xz")


def lines_of(file: pathlib.Path) -> list[str]:
    """Returns the lines of a file, those of its archive first."""
    archive = archive_of(file)
    packed = lzma.decompress(archive.read_bytes()) if archive.exists() else b""
    plain = file.read_bytes() if file.exists() else b""
    return (packed + plain).decode().splitlines()


def pack(folder: pathlib.Path) -> None:
    """Moves the lines of all files of a folder tree into their archives."""
    for file in sorted(folder.rglob("*.jsonl")):
        text = "".join(f"{line}\n" for line in lines_of(file) if line)
        # Of one preset the same lines make the same bytes.
        archive_of(file).write_bytes(lzma.compress(text.encode(), preset=9))
        file.unlink()


def load(file: pathlib.Path) -> dict[tuple[str, int], Record]:
    """Reads a file; of two records of the same race, the longer counts."""
    records: dict[tuple[str, int], Record] = {}
    for line in lines_of(file):
        try:
            record = Record(**json.loads(line))
        except json.JSONDecodeError:
            continue  # Torn when the process died; the race is run again.
        key = record.task, record.seed
        if key not in records or (
            record.evaluations >= records[key].evaluations
        ):
            records[key] = record
    return records


def append(file: pathlib.Path, record: Record) -> None:
    append_line(file, dataclasses.asdict(record))


def append_line(file: pathlib.Path, values: Mapping[str, object]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    torn = file.exists() and not file.read_bytes().endswith(b"\n")
    with file.open("a") as stream:
        # A torn line is left behind, alone, so that this one can be read.
        stream.write("\n" * torn + json.dumps(values))
        stream.write("\n")


def proposal_times(seconds: Sequence[float]) -> dict[str, float]:
    if not seconds:
        return {}
    milliseconds = 1e3 * np.asarray(seconds)
    times = {"all": milliseconds, "last": milliseconds[-TIMED_PROPOSALS:]}
    for checkpoint in CHECKPOINTS:
        if checkpoint <= len(milliseconds):
            first = checkpoint - TIMED_PROPOSALS
            times[str(checkpoint)] = milliseconds[first:checkpoint]
    return {key: rounded(np.median(part), 3) for key, part in times.items()}


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Returns package -> version; one run from its sources has none."""
    found = {}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "checkout"
    return found


def rounded(value: float, digits: int = 5) -> float:
    """Rounds to significant digits: files stay small, small regrets exact."""
    return float(f"{value:.{digits}g}")


if __name__ == "__main__":
    pack(FOLDER)
