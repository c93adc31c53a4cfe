"""What tests of workers share."""

import tempfile

import pytest
import tensorflow as tf


@pytest.fixture(autouse=True, scope="module")
def eager():
    """Runs training steps eagerly: to trace them takes longer than to train."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder of temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder
