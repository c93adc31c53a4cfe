"""The benchmark of the default network for images."""

import pytest

from benchmarks import image_defaults


@pytest.mark.later
def test_both_defaults_are_trained_on_the_same_rows(capsys):
    image_defaults.main(
        "--tasks digits/conv --epochs 1 --width 2 --train-size 32".split()
    )
    default, before = capsys.readouterr().out.splitlines()
    assert default.startswith("digits/conv seed 0, default: 0.")
    assert before.startswith("digits/conv seed 0, before: 0.")
    for line in (default, before):
        assert "after 1 epochs of 32 images, 1,422 parameters" in line
