"""Races searchers on tables, seed by seed, and records every race.

Example:

```
python -m benchmarks.race --searchers evolution optuna-tpe --tasks dev \
    --tracks clean noisy --seeds 0-9 --evaluations 100
```

A race is one searcher on one task and track with one seed. Races that are
recorded already are skipped, so a stopped run goes on where it was. All
searchers meet the same seeds and, on the noisy track, the same noise.

No race trains a model, but Keras loads its backend with Keras Tuner: set
`KERAS_BACKEND` to one that is installed. With `OMP_NUM_THREADS=1` times per
proposal are those of one core.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import multiprocessing
import pathlib
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from benchmarks import results
from benchmarks import searchers
from benchmarks import tasks
from benchmarks.searcher import Searcher

# A recommendation of a model-based searcher costs a fit, so it isn't asked
# after every evaluation; in between the last one stands.
RECOMMEND_EVERY = 5


@dataclasses.dataclass(frozen=True)
class Race:
    """What is to be run.

    Args:
        searcher: String, a name of the registry.
        task: String, a name of a task.
        track: String, `"clean"` or `"noisy"`.
        seed: Integer.
        evaluations: Integer, how many at least.
        until_best: Integer. The race goes on until the best cell of the table
            was asked, but not past this many evaluations. Defaults to 0: it
            doesn't go on.
    """

    searcher: str
    task: str
    track: str
    seed: int
    evaluations: int
    until_best: int = 0

    @property
    def budget(self) -> int:
        return max(self.evaluations, self.until_best)

    def is_done_by(self, record: results.Record) -> bool:
        """Whether a recorded race has all that this one asks for."""
        if record.exhausted or record.evaluations >= self.budget:
            return True
        found = record.queries_to_best is not None
        return found and record.evaluations >= self.evaluations


class Tally:
    """What a race has seen so far: regrets, times, the best cell's turn."""

    def __init__(self, task: tasks.Task, track: str) -> None:
        self._task = task
        self._noisy = track == "noisy"
        self._recommends = False
        self._best_loss = np.inf
        self._best_cell: tasks.Cell | None = None
        self.evaluations = 0
        self.queries_to_best: int | None = None
        self.steps: list[tuple[int, float]] = []
        self.seconds: list[float] = []

    def add(self, cell: tasks.Cell, loss: float, searcher: Searcher) -> None:
        self.evaluations += 1
        if loss < self._best_loss or self._best_cell is None:
            self._best_loss, self._best_cell = loss, cell
        if self._task.regret(cell) == 0 and self.queries_to_best is None:
            self.queries_to_best = self.evaluations
        chosen = self._chosen(searcher)
        if chosen is None:
            return
        regret = results.rounded(self._task.regret(chosen))
        if not self.steps or self.steps[-1][1] != regret:
            self.steps.append((self.evaluations, regret))

    def _chosen(self, searcher: Searcher) -> tasks.Cell | None:
        if not self._noisy:
            return self._best_cell
        if self.evaluations % RECOMMEND_EVERY and self.evaluations > 1:
            # One that never recommends is judged by its best observed.
            return None if self._recommends else self._best_cell
        recommended = searcher.recommend()
        self._recommends = recommended is not None
        return recommended if self._recommends else self._best_cell


def run_race(race: Race) -> results.Record:
    """Runs one race from its start to its end."""
    task = tasks.load_task(race.task)
    entry = searchers.get_entry(race.searcher)
    searcher = entry.build(task, race.seed, race.budget)
    try:
        tally, exhausted = _run(race, task, searcher, entry.workers)
    finally:
        searcher.close()
    return results.Record(
        task=race.task,
        seed=race.seed,
        evaluations=tally.evaluations,
        steps=tally.steps,
        proposal_ms=results.proposal_times(tally.seconds),
        queries_to_best=tally.queries_to_best,
        exhausted=exhausted,
        versions=results.versions(entry.packages),
    )


def _run(
    race: Race, task: tasks.Task, searcher: Searcher, workers: int
) -> tuple[Tally, bool]:
    tally = Tally(task, race.track)
    while not _is_over(race, tally):
        target = race.evaluations
        if tally.evaluations >= target:
            target = race.budget
        asked: list[tuple[tasks.Cell, float]] = []
        for _ in range(min(workers, target - tally.evaluations)):
            start = time.perf_counter()
            cell = searcher.ask()
            if cell is None:
                break
            asked.append((cell, time.perf_counter() - start))
        if not asked:
            return tally, True
        for cell, seconds in asked:
            loss = task.evaluate(cell, race.track, race.seed, tally.evaluations)
            start = time.perf_counter()
            searcher.tell(cell, loss)
            tally.seconds.append(seconds + time.perf_counter() - start)
            tally.add(cell, loss, searcher)
    return tally, False


def _is_over(race: Race, tally: Tally) -> bool:
    if tally.evaluations < race.evaluations:
        return False
    found = tally.queries_to_best is not None
    return found or tally.evaluations >= race.budget


def open_races(
    wanted: Sequence[Race], folder: pathlib.Path
) -> Iterator[tuple[pathlib.Path, Race]]:
    """Yields the races that aren't recorded, and the file for each."""
    known: dict[pathlib.Path, dict[tuple[str, int], results.Record]] = {}
    for race in wanted:
        path = results.path(folder, race.searcher, race.track)
        if path not in known:
            known[path] = results.load(path)
        record = known[path].get((race.task, race.seed))
        if record is None or not race.is_done_by(record):
            yield path, race


def run_races(
    wanted: Sequence[Race],
    folder: pathlib.Path,
    processes: int = 1,
    run: Callable[[Race], results.Record] | None = None,
) -> int:
    """Runs and records the races that are missing; returns their number.

    Args:
        wanted: The races.
        folder: Path, where they are recorded.
        processes: Integer, how many races are run at once. Defaults to 1.
        run: Function that runs one. Defaults to `run_race`.
    """
    missing = list(open_races(wanted, folder))
    start = time.monotonic()
    for done, (path, record) in enumerate(
        _records(missing, processes, run or run_race), 1
    ):
        results.append(path, record)
        print(
            f"[{done}/{len(missing)}, {time.monotonic() - start:.0f} s] "
            f"{path.stem} {record.task} seed {record.seed}: "
            f"{record.steps[-1][1]:.4g} after {record.evaluations}",
            flush=True,
        )
    return len(missing)


def _records(
    missing: Sequence[tuple[pathlib.Path, Race]],
    processes: int,
    run: Callable[[Race], results.Record],
) -> Iterator[tuple[pathlib.Path, results.Record]]:
    if processes == 1:
        for path, race in missing:
            yield path, run(race)
        return
    with concurrent.futures.ProcessPoolExecutor(
        processes, mp_context=multiprocessing.get_context("spawn")
    ) as pool:
        paths = {pool.submit(run, race): path for path, race in missing}
        for future in concurrent.futures.as_completed(paths):
            yield paths[future], future.result()


def parse_seeds(text: str) -> list[int]:
    """Turns `"0-3,7"` into `[0, 1, 2, 3, 7]`."""
    seeds: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        seeds += range(int(first), int(last or first) + 1)
    return seeds


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description="Race searchers on public tables."
    )
    add = parser.add_argument
    add("--searchers", nargs="+", required=True, metavar="NAME")
    add("--tasks", nargs="+", default=["all"], metavar="NAME")
    add("--tracks", nargs="+", default=["clean"], choices=tasks.TRACKS)
    add("--seeds", type=parse_seeds, default=list(range(20)))
    add("--evaluations", type=int, default=100)
    add("--until-best", type=int, default=0, metavar="EVALUATIONS")
    add("--results", type=pathlib.Path, default=results.FOLDER)
    add("--processes", type=int, default=1)
    options = parser.parse_args(arguments)
    for name in options.searchers:
        searchers.get_entry(name)
    wanted = [
        Race(name, task, track, seed, options.evaluations, options.until_best)
        for name in options.searchers
        for track in options.tracks
        # All tasks of a seed first: a stopped run is even over the tasks.
        for seed in options.seeds
        for task in tasks.task_names(options.tasks)
    ]
    number = run_races(wanted, options.results, options.processes)
    print(f"{number} races run, {len(wanted) - number} were there already.")


if __name__ == "__main__":
    main()
