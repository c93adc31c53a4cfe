"""Prints the results of races as markdown and draws their regret curves.

Example:

```
python -m benchmarks.report --results benchmarks/results --figures . \
    > tables.md
```

Every table says how many seeds it rests on. What hasn't been run is a dash.
"""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Iterator
from collections.abc import Sequence

from benchmarks import curves
from benchmarks import results
from benchmarks import tables
from benchmarks import tasks
from benchmarks.searchers import SEARCHERS
from benchmarks.standings import Standings
from benchmarks.standings import halves
from benchmarks.targets import PEERS
from benchmarks.targets import reached


def sections(track: str, standings: Standings) -> Iterator[str]:
    """Yields the report of one track, piece by piece."""
    yield f"## The {track} track"
    yield "### What was run"
    yield tables.coverage_table(standings)
    for ours, entry in SEARCHERS.items():
        if not entry.ours or ours not in standings.searchers:
            continue
        yield f"### {entry.title}: its regret divided by a peer's"
        yield tables.comparison_table(standings, ours, PEERS)
    yield "### One against one"
    yield tables.one_against_one_table(standings)
    if "evolution" in standings.searchers:
        yield "### Per task: regret divided by the best peer's, all seeds"
        yield tables.task_ratio_table(
            standings, "evolution", PEERS, halves()[0]
        )
    for checkpoint in results.CHECKPOINTS:
        yield f"### Regret after {checkpoint} evaluations"
        yield tables.regret_table(standings, checkpoint, halves()[0])
    if track == "clean":
        yield "### Evaluations until the best of NAS-Bench-201 is asked"
        yield tables.queries_table(standings)
    yield "### Milliseconds per proposal"
    yield tables.time_table(standings)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Report races of searchers.")
    parser.add_argument("--results", type=pathlib.Path, default=results.FOLDER)
    parser.add_argument("--tracks", nargs="+", default=list(tasks.TRACKS))
    parser.add_argument("--figures", type=pathlib.Path, metavar="FOLDER")
    parser.add_argument(
        "--evaluations", type=int, default=100, help="where curves end"
    )
    options = parser.parse_args(arguments)
    tracks = {
        track: Standings.load(options.results, track, list(SEARCHERS))
        for track in options.tracks
    }
    print(
        "## Targets\n\n" + tables.reached_table(reached(tracks, halves()[0])),
        end="\n\n",
    )
    for track, standings in tracks.items():
        if not standings.searchers:
            continue
        print("\n\n".join(sections(track, standings)), end="\n\n")
        if options.figures:
            families = curves.family_curves(standings, options.evaluations)
            options.figures.mkdir(parents=True, exist_ok=True)
            curves.draw(
                families,
                f"Regret on the {track} track, 95% bands over seeds",
                options.figures / f"regret_{track}.png",
            )


if __name__ == "__main__":
    main()
