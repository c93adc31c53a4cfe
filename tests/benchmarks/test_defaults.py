"""The benchmark of the default models."""

import pytest

from benchmarks import defaults


@pytest.mark.later
def test_both_defaults_are_trained_on_the_same_rows(capsys):
    defaults.main(
        "--tasks digits/conv --epochs 1 --width 2 --train-size 32".split()
    )
    default, before = capsys.readouterr().out.splitlines()
    assert default.startswith("digits/conv seed 0, default: accuracy 0.")
    assert before.startswith("digits/conv seed 0, before: accuracy 0.")
    for line in (default, before):
        assert "after 1 epochs of 32 rows, 1,422 parameters" in line


@pytest.mark.later
def test_a_table_has_the_epochs_of_its_task(capsys):
    defaults.main("--tasks wine --train-size 32".split())
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("wine seed 0, default: accuracy 0.")
    assert "after 15 epochs of 32 rows" in line
