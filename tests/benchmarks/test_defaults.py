"""The benchmark of the default models."""

import pytest

from benchmarks import defaults


@pytest.mark.later
def test_another_model_is_trained_on_the_same_rows(capsys):
    values = '{"stage_1/depth": 1}'
    options = "--tasks digits/conv --epochs 1 --width 2 --train-size 32"
    defaults.main([*options.split(), "--values", values])
    default, other = capsys.readouterr().out.splitlines()
    assert default.startswith("digits/conv seed 0, default: accuracy 0.")
    assert "after 1 epochs of 32 rows, 1,422 parameters" in default
    assert other.startswith(f"digits/conv seed 0, {values}: accuracy 0.")
    assert "after 1 epochs of 32 rows, 1,378 parameters" in other


@pytest.mark.later
def test_a_table_has_the_epochs_of_its_task(capsys):
    defaults.main("--tasks wine --train-size 32".split())
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("wine seed 0, default: accuracy 0.")
    assert "after 15 epochs of 32 rows" in line
