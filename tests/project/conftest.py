import pytest

from tests.project import searches


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory):
    """The journal's lines of a search that nothing ended."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    assert searches.run(searches.search, folder) == 0
    return searches.events(folder)
