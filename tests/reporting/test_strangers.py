"""What another person's project may hold is shown, and is never obeyed."""

import copy
import csv
import io
import itertools
import json
import warnings

import keras_tuner as kt
import numpy as np
import pytest
from rich.console import Console

import kt_evolution
from kt_evolution.display import frame as display_frame
from kt_evolution.display.status import SearchStatus
from kt_evolution.display.status import TrialSummary
from kt_evolution.display.terminal import printable
from kt_evolution.display.terminal import printable_lines
from kt_evolution.project import event_checks
from kt_evolution.project.event_lines import KINDS
from kt_evolution.project.journal import JournalError
from kt_evolution.reporting import read_search
from kt_evolution.reporting.command_line import main
from tests import stock_projects
from tests.reporting import mutations
from tests.reporting import projects

STATEMENT = "x\nraise SystemExit('it ran')\n#"
LIMIT = mutations.LIMIT
COMMANDS = ["show", "best", "export", "compare", "report"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A project with limits, and one that started from it."""
    root = tmp_path_factory.mktemp("strangers")
    first = projects.simulate(root / "first", 14, limits=LIMIT)
    second = projects.simulate(
        root / "second", 6, limits=LIMIT, warm_start=str(first)
    )
    return [first, second]


def events_of(folder):
    lines = (folder / "journal.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def changed(folder, old, new):
    """Puts one text in place of another everywhere in a journal."""
    path = folder / "journal.jsonl"
    text = path.read_text()
    assert json.dumps(old)[1:-1] in text
    path.write_text(text.replace(json.dumps(old)[1:-1], json.dumps(new)[1:-1]))
    return folder


def run(capsys, *arguments):
    status = main([str(one) for one in arguments])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return status, captured.out, captured.err


# Code to run.


@pytest.mark.parametrize(
    "old", ["val_accuracy", "latency", "optimizer", "adam"]
)
def test_best_prints_one_statement_for_each_line(capsys, tmp_path, old):
    folder = projects.simulate(tmp_path / "p", 14, limits=LIMIT)
    status, code, _ = run(capsys, "best", changed(folder, old, STATEMENT))
    assert status == 0
    names = {"build_model": lambda hp: hp.values}
    exec(code, names)
    values = read_search(folder).ranked()[0].values
    assert names["model"] == values


def test_best_of_several_objectives_is_code_too(capsys, tmp_path):
    folder = projects.simulate(tmp_path / "p", 14, projects.OBJECTIVES)
    changed(folder, "val_accuracy", STATEMENT)
    status, code, _ = run(capsys, "best", folder)
    assert status == 0
    exec(code, {"build_model": lambda hp: hp.values})


def test_values_that_have_no_literal(capsys, tmp_path):
    folder = projects.simulate(tmp_path / "p", 14)
    events = events_of(folder)
    best = read_search(folder).ranked()[0].trial_id
    for event in events:
        if event.get("trial_id") == best and "values" in event:
            event["values"]["learning_rate"] = float("nan")
            event["values"]["layers"] = float("-inf")
    mutations.write(folder, events)
    code = run(capsys, "best", folder)[1]
    names = {"build_model": lambda hp: hp.values}
    exec(code, names)
    assert np.isnan(names["model"]["learning_rate"])
    assert names["model"]["layers"] == -np.inf


# Ids.

PATHS = ["../outside", "/../../outside/dir", "a/b", "..\\b", "1\n", "\x1b[2J"]


@pytest.mark.parametrize("trial_id", [*PATHS, "", "9" * 200, "x", "٣"])
def test_an_id_of_a_journal_is_a_number(tmp_path, folders, trial_id):
    folder = tmp_path / "inside" / "p"
    folder.parent.mkdir()
    events = events_of(folders[0])
    for event in events:
        if event.get("trial_id") == "05":
            event["trial_id"] = trial_id
    mutations.write(folder, events)
    before = sorted(tmp_path.rglob("*"))
    with pytest.warns(UserWarning, match="`trial_id` must be a number"):
        assert len(read_search(folder).trials) == 13
    with pytest.raises(JournalError, match="`trial_id` must be a number"):
        projects.simulate(folder, 20, limits=LIMIT)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("trial_id", [*PATHS, "", 3, None, ["0"]])
def test_an_id_of_a_trial_file_is_no_path(tmp_path, trial_id):
    folder = stock_projects.random_search(tmp_path / "stock", 4)
    path = sorted(folder.glob("trial_*/trial.json"))[0]
    state = json.loads(path.read_text())
    path.write_text(json.dumps({**state, "trial_id": trial_id}))
    with pytest.warns(UserWarning, match="`trial_id` must be letters"):
        assert len(read_search(folder).trials) == 3


def test_ids_of_earlier_versions_of_the_host_are_fine(tmp_path):
    folder = stock_projects.random_search(tmp_path / "stock", 4)
    path = sorted(folder.glob("trial_*/trial.json"))[0]
    state = json.loads(path.read_text())
    name = "0b1d7d5ee3a1c0a9f2f3f9a3a6b5c4d3"
    path.write_text(json.dumps({**state, "trial_id": name}))
    assert read_search(folder).individual(name).is_completed


def test_no_weights_of_other_projects_are_deleted(tmp_path):
    """A resumed search with `keep_checkpoints` deletes by the ids of trials."""
    import keras

    def build(hp):
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(hp.Float("rate", 0.01, 0.1)), "mse")
        return model

    def tuner(name):
        return kt_evolution.EvolutionTuner(
            build,
            "loss",
            max_trials=3,
            seed=0,
            directory=tmp_path,
            project_name=name,
            keep_checkpoints=1,
        )

    x, y = np.ones((4, 2)), np.ones((4, 1))
    tuner("mine").search(x, y, verbose=0)
    weights = list((tmp_path / "mine").rglob("*.weights.h5"))
    assert len(weights) == 1
    mine = weights[0].parent.name
    hostile = [
        {
            **event,
            **(
                {"trial_id": f"/../../mine/{mine}"}
                if "trial_id" in event
                else {}
            ),
        }
        for event in events_of(tmp_path / "mine")[:3]
    ]
    mutations.write(tmp_path / "theirs", hostile)
    with pytest.raises(JournalError, match="`trial_id` must be"):
        tuner("theirs").search(x, y, verbose=0)
    assert weights[0].is_file()


def test_a_trial_never_takes_the_id_of_another(tmp_path):
    folder = projects.simulate(tmp_path / "p", 6)
    events = [
        event for event in events_of(folder) if event.get("trial_id") != "2"
    ]
    mutations.write(folder, events)
    scores = {t.trial_id: t.metrics for t in read_search(folder).completed}
    projects.simulate(folder, 8)
    after = {t.trial_id: t.metrics for t in read_search(folder).completed}
    assert len(after) == 7
    assert {name: after[name] for name in scores} == scores


# Terminals.


def test_printable():
    assert printable("val_λ × 3") == "val_λ × 3"
    assert printable("\x1b[2J\r\x07\x9b\u202e\u2028\ud800\n\t") == (
        r"\x1b[2J\r\x07\x9b\u202e\u2028\ud800\n\t"
    )
    assert printable_lines("a\nb\x1b\r\n") == "a\nb\\x1b\\r\n"


def is_printable(text):
    return all(line.isprintable() for line in text.split("\n"))


CONTROLS = "\x1b[31m\x9b2J\r\u202e"


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "old",
    ["val_accuracy", "latency", "optimizer", "adam", "worker0", "default"],
)
def test_nothing_steers_the_terminal(capsys, tmp_path, command, old):
    if command == "report" and old != "adam":
        pytest.skip("Its file is for browsers.")
    folder = projects.simulate(tmp_path / "p", 14, limits=LIMIT)
    changed(folder, old, CONTROLS)
    output = ["-o", tmp_path / "r.html"] if command == "report" else []
    status, out, err = run(capsys, command, folder, *output)
    assert status == 0
    assert is_printable(out.replace("\r\n", "\n")) and is_printable(err)


@pytest.mark.parametrize("command", ["show", "export", "compare"])
def test_errors_and_warnings_steer_no_terminal(capsys, tmp_path, command):
    folder = projects.simulate(tmp_path / "p", 14)
    (folder / "journal.jsonl").open("a").write(
        json.dumps({"event": "end", "trial_id": CONTROLS})
        + '\n{"\x1b": 1\n{}\n'
    )
    status, out, err = run(capsys, command, folder)
    assert status == 0 and "can't be read" in err
    assert is_printable(out.replace("\r\n", "\n")) and is_printable(err)
    goal = ["--objective", CONTROLS]
    status, _, err = run(capsys, command, folder, *goal)
    assert status == 2 and is_printable(err)
    with pytest.raises(SystemExit):
        run(capsys, command, folder, f"--{CONTROLS}")
    assert is_printable(capsys.readouterr().err)


def test_warnings_of_a_warm_start_steer_no_terminal(tmp_path):
    hp = kt.HyperParameters()
    hp.Int("x", 0, 9)
    hp.Int(CONTROLS, 0, 9)
    folder = stock_projects.random_search(tmp_path / "stock", 4)
    for path in folder.glob("trial_*/trial.json"):
        text = path.read_text()
        path.write_text(text.replace('"x"', json.dumps(CONTROLS)))
    hp = kt.HyperParameters()
    hp.Int(CONTROLS, 10, 19)
    with pytest.warns(UserWarning, match="were imported") as caught:
        projects.simulate(
            tmp_path / "p",
            1,
            stock_projects.OBJECTIVE,
            hyperparameters=hp,
            measure=lambda values, rng: {"score": 1.0},
            warm_start=str(folder),
        )
    messages = [str(one.message) for one in caught]
    assert all(map(is_printable, messages))
    assert r"\x1b[31m" in "".join(messages)


def test_the_message_of_an_old_failure_steers_no_terminal(tmp_path):
    folder = projects.simulate(tmp_path / "p", 2, failed=(0, 1))
    events = events_of(folder)
    for event in events:
        if "message" in event:
            event["message"] = CONTROLS
    mutations.write(folder, [e for e in events if e["event"] != "stop"])
    with pytest.warns(UserWarning, match="All 2 trials failed") as caught:
        projects.simulate(folder, 2)
    assert all(is_printable(str(one.message)) for one in caught)


def test_summaries_of_the_host_steer_no_terminal(capsys, tmp_path):
    def measure(values, rng):
        assert values["optimizer"] in ("adam", "sgd")
        return projects.metrics_of(values, rng)

    folder = changed(
        projects.simulate(tmp_path / "p", 6, measure=measure),
        "optimizer",
        CONTROLS,
    )

    class WithoutTraining(kt_evolution.EvolutionTuner):
        def run_trial(self, trial, *args, **kwargs):
            raise NotImplementedError

    tuner = WithoutTraining(
        objective=projects.ACCURACY,
        directory=tmp_path,
        project_name=folder.name,
    )
    capsys.readouterr()
    tuner.search_space_summary()
    tuner.results_summary()
    out = capsys.readouterr().out
    assert is_printable(out)
    assert out.count(r"\x1b[31m") >= 7


def test_the_live_display_steers_no_terminal():
    console = Console(file=io.StringIO(), width=200, color_system=None)
    names = [f"val{CONTROLS}"]
    trial = TrialSummary(
        trial_id=CONTROLS,
        scores=(0.5,),
        is_best=True,
        expected=None,
        origin=CONTROLS,
        seconds=1.0,
    )
    search = SearchStatus(
        num_ended=1,
        max_trials=2,
        num_running=1,
        num_rejected=0,
        best_trial_id=CONTROLS,
        best=(0.5,),
        num_on_front=0,
        seconds=1.0,
        seconds_left=None,
    )
    frame = display_frame.Frame(search, names)
    frame.begin(CONTROLS)
    frame.add(trial, search)
    frame.train(CONTROLS, 0.5, f"epoch 1, {CONTROLS}")
    console.print(frame)
    shown = console.file.getvalue()
    assert r"val\x1b[31m" in shown and is_printable(shown)
    assert is_printable(display_frame.interruption(search, names))


# Other files.


def test_formulas_are_texts_and_numbers_are_numbers(tmp_path):
    choices = ["=1+1", "+x", "-x", "@x", " =1", "-1", "1e-3", "a=b", "\uff1d1"]

    def simulate(value):
        hp = kt.HyperParameters()
        hp.Fixed("f", value)
        hp.Float("x", -2.0, -1.0)
        folder = tmp_path / f"p{choices.index(value)}"
        return projects.simulate(
            folder,
            1,
            projects.ACCURACY,
            failed=(),
            hyperparameters=hp,
            measure=lambda values, rng: {"val_accuracy": -0.5},
        )

    cells = {}
    for value in choices:
        file = io.StringIO()
        search = read_search(simulate(value))
        kt_evolution.reporting.tables.write_csv(search, file)
        (row,) = csv.DictReader(io.StringIO(file.getvalue()))
        assert row["metrics.val_accuracy"] == "-0.5"
        assert row["values.x"] == str(search.trials[0].values["x"])
        cells[value] = row["values.f"]
    assert cells == {
        "=1+1": "'=1+1",
        "+x": "'+x",
        "-x": "'-x",
        "@x": "'@x",
        " =1": "' =1",
        "-1": "-1",
        "1e-3": "1e-3",
        "a=b": "a=b",
        "\uff1d1": "'\uff1d1",
    }


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("old", ["val_accuracy", "optimizer", "adam"])
def test_halves_of_surrogate_pairs_break_nothing(
    capsys, tmp_path, command, old
):
    folder = projects.simulate(tmp_path / "p", 14)
    changed(folder, old, "half \ud800")
    path = tmp_path / "written"
    output = ["-o", path] if command in ("report", "export") else []
    status, out, err = run(capsys, command, folder, *output)
    assert (status, err) == (0, "")
    out.encode()
    if output:
        assert r"half \ud800" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("line", "is_seen"),
    [
        ({"event": "epoch", "epoch": 1, "logs": {"a": 2.0}}, True),
        ({"event": "epoch", "epoch": 10**9, "logs": {"a": 2.0}}, False),
        ({"event": "epoch", "epoch": -1, "logs": {"a": 2.0}}, False),
        ({"event": "epoch", "epoch": "1", "logs": {"a": 2.0}}, False),
        ({"event": "epoch", "epoch": 1, "logs": {"a": "x"}}, False),
        ({"event": "epoch", "epoch": 1, "logs": {"a": None}}, False),
        ({"event": "epoch", "epoch": 1, "logs": [1]}, False),
        ({"event": "end", "layers": [{"name": 1}]}, False),
        ({"event": "end", "layers": 3}, False),
        ([], False),
        (None, False),
    ],
)
def test_lines_of_a_training_that_are_none_are_left_out(
    tmp_path, line, is_seen
):
    begin = {"event": "begin"}
    first = {"event": "epoch", "epoch": 0, "logs": {"a": 1.0}}
    (tmp_path / "training.jsonl").write_text(
        "".join(json.dumps(one) + "\n" for one in (begin, first, line))
    )
    record = kt_evolution.project.training_log.read_training(tmp_path)
    assert record.curves == [{"a": [1.0, 2.0] if is_seen else [1.0]}]
    assert record.layers == []


def test_a_training_of_another_folder_is_not_shown(tmp_path):
    folder = projects.simulate(tmp_path / "p", 14)
    best = read_search(folder).ranked()[0].trial_id
    lines = [
        {"event": "begin"},
        {
            "event": "end",
            "layers": [
                {"name": "n", "type": "secret", "shape": "1", "params": 1}
            ],
        },
    ]
    outside = tmp_path / "outside.jsonl"
    outside.write_text("".join(json.dumps(line) + "\n" for line in lines))
    path = folder / f"trial_{best}" / "training.jsonl"
    path.write_text(outside.read_text())
    report = tmp_path / "report.html"
    assert main(["report", str(folder), "-o", str(report)]) == 0
    assert "<td" in report.read_text() and "secret" in report.read_text()
    path.unlink()
    path.symlink_to(outside)
    assert main(["report", str(folder), "-o", str(report)]) == 0
    assert "secret" not in report.read_text()


def test_weights_of_another_folder_are_not_named(capsys, tmp_path):
    folder = projects.simulate(tmp_path / "p", 14)
    best = read_search(folder).ranked()[0].trial_id
    weights = folder / f"trial_{best}" / "checkpoint.weights.h5"
    weights.write_bytes(b"weights")
    assert str(weights) in run(capsys, "best", folder)[1]
    weights.rename(tmp_path / "outside.weights.h5")
    weights.symlink_to(tmp_path / "outside.weights.h5")
    assert "load_weights" not in run(capsys, "best", folder)[1]


# Any change.


def check_mutation(capsys, tmp_path, folders, seed, commands):
    """A mutated journal is shown, or refused with one clear line."""
    rng = np.random.default_rng(seed)
    events = events_of(folders[seed % 2])
    what, events = mutations.mutated(events, rng)
    folder = tmp_path / f"mutated{seed}"
    mutations.write(folder, events)
    for command in commands:
        output = ["-o", tmp_path / "r.html"] if command == "report" else []
        status, out, err = run(capsys, command, folder, *output)
        assert status in (0, 1), what
        assert is_printable(out.replace("\r\n", "\n")), what
        assert all(
            line.startswith(("error: ", "warning: "))
            for line in err.splitlines()
        ), (what, err)
        if status:
            assert err.count("error: ") == 1, (what, err)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, options in enumerate(
            [{"limits": LIMIT}, {"warm_start": str(folder)}]
        ):
            target = tmp_path / f"warm{seed}" if number else folder
            try:
                projects.simulate(target, 15 if not number else 1, **options)
            except (JournalError, ValueError) as error:
                assert is_printable(str(error)), what


@pytest.mark.parametrize("seed", range(40))
def test_mutated_journals(capsys, tmp_path, folders, seed):
    commands = ["show", "best", "export", "compare"]
    check_mutation(capsys, tmp_path, folders, seed, commands)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(300))
def test_all_mutated_journals(capsys, tmp_path, folders, seed):
    check_mutation(capsys, tmp_path, folders, seed, COMMANDS)


# Every change of every line.


@pytest.fixture(scope="module")
def every_line(tmp_path_factory):
    return mutations.every_line(tmp_path_factory.mktemp("lines"))


def open_journal(folder):
    """Opens a project as a search, and as one who only reads."""
    oracle = kt_evolution.EvolutionOracle(
        projects.OBJECTIVES,
        hyperparameters=projects.space(),
        limits=LIMIT,
        seed=0,
    )
    oracle._set_project_dir(folder.parent, folder.name)
    for read in (oracle._project.open, lambda: read_search(folder)):
        try:
            read()
        except (JournalError, ValueError) as error:
            assert is_printable(str(error))
    return oracle


def test_every_field_of_every_line_is_checked(tmp_path, every_line):
    kinds = {event["event"] for event in every_line}
    assert kinds == KINDS.keys()

    mutations.write(tmp_path / "p", every_line)
    assert len(open_journal(tmp_path / "p").trials) == 6
    for event in every_line:
        fields = event_checks.fields_of(event["event"])
        assert not event.keys() - fields.keys()
        records = [event.get("record", {}), *event.get("rejected", ())]
        records += records[0].get("rejected", [])
        records += records[0].get("repeated", [])
        for record in records:
            assert not record.keys() - event_checks.RECORD_FIELDS.keys()


def first_lines(events):
    """Returns one line of each kind, with the most fields."""
    longest = {}
    for number, event in enumerate(events):
        key = event["event"], event.get("status"), "reevaluates" in str(event)
        size = len(str(event))
        longest[key] = max(longest.get(key, (0, 0)), (size, number))
    return [number for _, number in longest.values()]


def check_variants(tmp_path, events, step):
    """Opens what one change of a line in `step` leaves."""
    changes = itertools.chain.from_iterable(
        mutations.variants(events, number) for number in first_lines(events)
    )
    for what, changed_events in itertools.islice(changes, 0, None, step):
        mutations.write(tmp_path / "p", changed_events)
        try:
            open_journal(tmp_path / "p")
        except Exception as error:
            raise AssertionError(what) from error


@pytest.mark.filterwarnings("ignore")
def test_some_change_of_any_line_is_told_in_one_error(tmp_path, every_line):
    check_variants(tmp_path, every_line, 97)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_any_change_of_any_line_is_told_in_one_error(tmp_path, every_line):
    check_variants(tmp_path, every_line, 1)


@pytest.mark.parametrize(
    ("kind", "name"),
    [("start", "worker"), ("search", ("objective", "multi_objective"))],
)
def test_fields_that_may_be_missing(capsys, tmp_path, every_line, kind, name):
    events = copy.deepcopy(every_line)
    (event,) = (one for one in events if one["event"] == kind)
    if isinstance(name, tuple):
        event, name = event[name[0]], name[1]
    del event[name]
    mutations.write(tmp_path / "p", events)
    for command in ("show", "best", "export"):
        assert run(capsys, command, tmp_path / "p")[0] == 0


@pytest.mark.parametrize("condition", [None, {}, "x", ["x"], {"values": [1]}])
def test_conditions_of_no_kind_are_told(tmp_path, every_line, condition):
    events = copy.deepcopy(every_line)
    (event,) = (one for one in events if "space" in one)
    event["space"][0]["config"]["conditions"] = [condition]
    mutations.write(tmp_path / "p", events)
    oracle = kt_evolution.EvolutionOracle(projects.OBJECTIVES)
    oracle._set_project_dir(tmp_path, "p")
    with pytest.raises(JournalError, match="`space` must be a list of hyper"):
        oracle._project.open()
    with pytest.warns(UserWarning, match="`space` must be a list of hyper"):
        read_search(tmp_path / "p")
