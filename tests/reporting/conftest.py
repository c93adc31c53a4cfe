"""Searches to look at, made once."""

import pytest

import kt_evolution
from kt_evolution.reporting import read_search
from tests.reporting import projects


@pytest.fixture(scope="session")
def single(tmp_path_factory):
    """One objective, one failed trial, two workers."""
    folder = tmp_path_factory.mktemp("single") / "single"
    return read_search(projects.simulate(folder, 40))


@pytest.fixture(scope="session")
def several(tmp_path_factory):
    """Two objectives and a limit."""
    folder = tmp_path_factory.mktemp("several") / "several"
    limit = kt_evolution.Limit("latency", max=4.0)
    return read_search(
        projects.simulate(folder, 60, projects.OBJECTIVES, limits=limit)
    )


@pytest.fixture(scope="session")
def hostile(tmp_path_factory):
    """All that users can name is an attack."""
    return read_search(projects.hostile(tmp_path_factory.mktemp("h") / "h"))
