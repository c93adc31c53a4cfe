"""The command `kt-evolution`, on projects of all kinds."""

import configparser
import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

import kt_evolution
from kt_evolution.reporting.command_line import main
from tests import stock_projects
from tests.reporting import projects


def own(folder):
    return projects.simulate(folder, 14)


def own_trade_off(folder):
    return projects.simulate(
        folder,
        14,
        projects.OBJECTIVES,
        limits=kt_evolution.Limit("latency", max=4.0),
    )


PROJECTS = {
    "own": own,
    "trade_off": own_trade_off,
    "random": stock_projects.random_search,
    "hyperband": stock_projects.hyperband,
    "bayesian": stock_projects.bayesian,
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("projects")
    return {kind: make(root / kind) for kind, make in PROJECTS.items()}


@pytest.fixture
def run(capsys, monkeypatch):
    """Runs a command, and returns its status, output and errors."""
    # Lines are cut at the width of the terminal that the tests run in.
    monkeypatch.setenv("COLUMNS", "1000")

    def run(*arguments):
        status = main([str(one) for one in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.mark.parametrize("kind", PROJECTS)
def test_show(run, folders, kind):
    status, out, err = run("show", folders[kind], "--top", 3)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith(f"{kind}: m")
    assert [line.split()[0] for line in lines[-4:]] == ["rank", "1", "2", "3"]


@pytest.mark.parametrize("kind", PROJECTS)
def test_best_is_code_that_runs(run, folders, kind):
    status, out, err = run("best", folders[kind])
    assert (status, err) == (0, "")
    import keras_tuner

    names = {"keras_tuner": keras_tuner, "build_model": lambda hp: hp.values}
    exec(out, names)
    project = json.loads(run("export", folders[kind], "--format", "json")[1])
    (name, direction), *_ = project["objectives"].items()
    (best,) = [
        trial
        for trial in project["trials"]
        if out.startswith(f"# Trial {trial['trial_id']}: {name} ")
    ]
    assert best["values"] == names["model"]
    if kind != "trade_off":
        choose = min if direction == "min" else max
        scores = [t["metrics"].get(name) for t in project["trials"]]
        assert best["metrics"][name] == choose(filter(None.__ne__, scores))


@pytest.mark.parametrize("kind", PROJECTS)
def test_report(run, folders, kind, tmp_path):
    path = tmp_path / "report.html"
    status, out, _ = run("report", folders[kind], "-o", path)
    assert (status, out.strip()) == (0, str(path))
    text = path.read_text(encoding="utf-8")
    assert f"<h1>{kind}</h1>" in text
    assert text.count("<tr>") > 3


def test_a_report_of_one_trial(run, folders, tmp_path):
    path = tmp_path / "report.html"
    assert run("report", folders["own"], "-o", path, "--trial", "07")[0] == 0
    assert "trial 07, made by" in path.read_text(encoding="utf-8")
    status, _, err = run("report", folders["own"], "-o", path, "--trial", "x")
    assert status == 2 and "--trial='x'" in err
    status, _, err = run("report", folders["own"], "-o", path, "--trial", "7")
    assert status == 2 and "Did you mean 07? Received: --trial='7'" in err


@pytest.mark.parametrize("kind", PROJECTS)
def test_export(run, folders, kind, tmp_path):
    status, out, _ = run("export", folders[kind])
    assert status == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    whole = json.loads(run("export", folders[kind], "--format", "json")[1])
    assert [row["trial_id"] for row in rows] == [
        trial["trial_id"] for trial in whole["trials"]
    ]
    path = tmp_path / "trials.csv"
    assert run("export", folders[kind], "-o", path)[:2] == (0, "")
    assert path.read_text(encoding="utf-8").splitlines() == out.splitlines()


def test_compare_puts_the_best_first(run, folders, tmp_path):
    longer = projects.simulate(tmp_path / "longer", 30)
    status, out, _ = run("compare", folders["own"], longer)
    assert status == 0
    header, first, second = out.splitlines()[2:]
    assert "best val_accuracy" in header
    assert "of the first 13" in header
    assert first.split()[0] == longer.name
    assert second.split()[0] == "own"
    # Same seed, so the first trials are the same.
    assert first.split()[4] == second.split()[4] == second.split()[3]


def test_compare_of_trade_offs_has_the_best_of_each(run, folders):
    status, out, _ = run("compare", folders["trade_off"], folders["trade_off"])
    assert status == 0
    assert "best val_accuracy  best params" in out


def test_compare_leaves_out_folders_without_trials(run, folders, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "oracle.json").write_text("{}")
    begun = projects.simulate(tmp_path / "begun", 2)
    journal = begun / "journal.jsonl"
    journal.write_text(journal.read_text().splitlines()[0] + "\n")
    parent = folders["own"].parent
    status, out, err = run("compare", empty, folders["own"], begun, parent)
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()[2:]] == [
        "project",
        "own",
    ]
    lines = err.splitlines()
    assert lines[:2] == [
        f"warning: {folder} is left out: it has no trials."
        for folder in (empty, begun)
    ]
    assert "It holds the projects [" in lines[2]
    status, out, err = run("compare", empty, begun)
    assert (status, out) == (2, "")
    assert "error: There is nothing to compare" in err
    # A name that is misspelled is still an error.
    status, _, err = run("compare", folders["own"], tmp_path / "nowhere")
    assert status == 2 and "nowhere" in err


def test_the_version(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    expected = f"kt-evolution {kt_evolution.__version__}"
    assert capsys.readouterr().out.strip() == expected


def test_only_equals_are_compared(run, folders):
    status, _, err = run("compare", folders["own"], folders["random"])
    assert status == 2
    assert "must have the same objective" in err
    assert (
        run(
            "compare",
            folders["random"],
            folders["hyperband"],
            folders["bayesian"],
        )[0]
        == 0
    )


def test_the_objective_of_a_stock_project(run, folders):
    out = run("show", folders["random"], "--objective", "max:size")[1]
    assert out.startswith("random: maximize size")
    status, _, err = run("show", folders["random"], "--objective", "up:size")
    assert status == 2 and "up:size" in err
    assert 'Before the colon must be "min" or "max".' in err
    status, _, err = run("show", folders["random"], "--objective", "sise")
    assert status == 2 and 'Did you mean "size"?' in err


@pytest.mark.parametrize("command", ["show", "best", "export", "report"])
def test_damaged_projects_are_shown_with_a_warning_per_trial(
    run, tmp_path, command
):
    folder = stock_projects.random_search(tmp_path / "damaged", 5)
    paths = sorted(folder.glob("trial_*/trial.json"))
    for path in paths[:2]:
        path.write_text("{")
    output = ["-o", tmp_path / "r.html"] if command == "report" else []
    status, out, err = run(command, folder, *output)
    assert status == 0 and out
    assert err.count("warning: ") == 2
    assert all(f"{path} can't be read" in err for path in paths[:2])


@pytest.mark.parametrize(
    "command", ["show", "best", "report", "export", "watch", "compare"]
)
def test_what_is_no_project_is_an_error(
    run, folders, tmp_path, monkeypatch, command
):
    monkeypatch.chdir(tmp_path)
    file = folders["own"] / "journal.jsonl"
    misspelled = folders["own"].with_name("owm")
    wrong = {
        file: f"It is inside the project {str(folders['own'])!r}.",
        folders["own"].parent: "It holds the projects ['",
        misspelled: f"There is no such folder. Did you mean `{folders['own']}`",
    }
    # `watch` waits for a project, and `compare` leaves folders out.
    if command == "watch":
        del wrong[misspelled]
    elif command == "compare":
        del wrong[folders["own"].parent]
    else:
        wrong[tmp_path] = "It is a folder without these."
        wrong[__file__] = "It is a file."
    for path, hint in wrong.items():
        status, out, err = run(command, path)
        assert (status, out) == (2, "")
        assert err.startswith("error: `DIR` must be the folder of a ")
        assert f"DIR={str(path)!r}. {hint}" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("show DIR --top -3", "--top: it must be an integer of at least 1. "),
        ("show DIR --top 0", "--top: it must be an integer of at least 1. "),
        ("show DIR --top 1.5", "Received: '1.5'"),
        ("show DIR --top many", "Received: 'many'"),
        ("show DIR --top", "--top: expected one argument"),
        ("show DIR --tpo 3", "arguments: --tpo 3. Did you mean `--top`?"),
        ("show DIR --tpo=3", "arguments: --tpo=3. Did you mean `--top`?"),
        ("show DIR DIR", "unrecognized arguments: "),
        ("show", "required: DIR"),
        ("show EMPTY", "argument DIR: it must not be empty. Received: ''"),
        ("", "required: COMMAND"),
        ("shwo DIR", "Did you mean `show`? Received: 'shwo'"),
        ("DIR", "COMMAND must be one of show, best, report, watch, export, "),
        ("--verison", "Did you mean `--version`? Received: '--verison'"),
        ("--top 3 show DIR", "before its own options. Received: '--top'"),
        ("show DIR --objective max:", "--objective: it must be METRIC, min:"),
        ("best DIR --objective EMPTY", "max:METRIC, where METRIC is the name"),
        ("watch DIR --objective min:", "Received: 'min:'"),
        ("export DIR --format cvs", "--format: invalid choice: 'cvs'"),
        ("export DIR -o EMPTY", "-o/--output: it must be a file, not a folder"),
        ("export DIR -o DIR", "-o/--output: it must be a file, not a folder"),
        ("report DIR -o no/r.html", "a folder that exists, and 'no' does not"),
        ("report DIR --output no/", "-o/--output: it must be a file, not a "),
        ("report DIR -o /dev/null", "it must be a regular file. Received: "),
        ("export DIR --top 3", "`--top` is an option of `show`."),
        ("export DIR --fromat csv", "Did you mean `--format`?"),
        ("report DIR --follow=3", "--follow: ignored explicit argument '3'"),
    ],
)
def test_a_wrong_argument_is_named(
    folders, tmp_path, monkeypatch, capsys, arguments, expected
):
    monkeypatch.chdir(tmp_path)
    values = {"DIR": str(folders["random"]), "EMPTY": ""}
    with pytest.raises(SystemExit) as ended:
        main([values.get(word, word) for word in arguments.split()])
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == "" and expected in captured.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments", ["report --trial 999", "watch --objective max:loss"]
)
def test_a_wrong_value_is_named(run, folders, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    command, option, value = arguments.split()
    status, out, err = run(command, folders["own"], option, value)
    assert (status, out) == (2, "")
    assert f"{option.strip('-')}={value!r}" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["export", "report"])
def test_the_files_of_a_project_are_not_overwritten(run, tmp_path, command):
    folder = projects.simulate(tmp_path / "p", 2)
    (folder / "tuner0.json").write_text("{}")
    before = {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "search.lock"
    }
    for path in before:
        status, _, err = run(command, folder, "-o", path)
        assert status == 2 and f"-o {str(path)!r}" in err
    assert all(path.read_bytes() == text for path, text in before.items())
    # Other files may be there.
    assert run(command, folder, "-o", folder / "mine.txt")[0] == 0


def test_a_search_without_a_result(run, tmp_path):
    folder = projects.simulate(tmp_path / "p", 2, failed=(0, 1))
    status, out, _ = run("show", folder)
    assert status == 0 and "No trial is completed." in out
    assert run("best", folder)[0] == 1
    assert run("report", folder, "-o", tmp_path / "r.html")[0] == 0
    assert run("export", folder)[0] == 0


def test_nothing_steers_the_terminal(run, hostile):
    for command in ("show", "best"):
        status, out, _ = run(command, hostile.folder)
        assert status == 0
        assert "\x1b" not in out and r"\x1b" in out


def test_names_that_an_output_lacks_are_escaped(monkeypatch, tmp_path):
    folder = projects.simulate(tmp_path / "\u03b1\u03b2", 2)
    for command in ("show", "best", "export"):
        output = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        monkeypatch.setattr(sys, "stdout", output)
        assert main([command, str(folder)]) == 0
        output.flush()
        text = output.buffer.getvalue().decode("ascii")
        assert text
        # Of these it alone has the name of the folder.
        assert command != "show" or "\\u03b1\\u03b2" in text


def test_help_names_each_command_and_loads_nothing():
    code = (
        "import sys; from kt_evolution.reporting.command_line import main\n"
        "try: main(['--help'])\n"
        "finally: print([m for m in ('keras', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    for command in ("show", "best", "report", "export", "compare"):
        assert f"\n    {command} " in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_command_is_installed():
    setup = configparser.ConfigParser()
    setup.read(Path(__file__).parents[2] / "setup.cfg")
    script = setup["options.entry_points"]["console_scripts"].strip()
    assert script == f"kt-evolution = {main.__module__}:{main.__name__}"
