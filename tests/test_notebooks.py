"""The notebooks are stored as they were run, and can be run elsewhere."""

import configparser
import json
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.later

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))


def repository():
    """Returns the "owner/name" of setup.cfg."""
    metadata = configparser.ConfigParser()
    metadata.read(ROOT / "setup.cfg")
    return metadata["metadata"]["url"].removeprefix("https://github.com/")


def cells_of(notebook, kind):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == kind]


def test_there_are_notebooks():
    assert len(NOTEBOOKS) == 4


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
class TestNotebook:
    def test_has_outputs_and_pictures(self, notebook):
        cells = cells_of(notebook, "code")
        outputs = [output for cell in cells for output in cell["outputs"]]
        assert [cell["execution_count"] for cell in cells] == [
            *range(1, len(cells) + 1)
        ]
        assert [o for o in outputs if o["output_type"] == "error"] == []
        assert any("image/png" in o.get("data", {}) for o in outputs)

    def test_can_be_opened_and_installed_elsewhere(self, notebook):
        badge = "".join(cells_of(notebook, "markdown")[0]["source"])
        path = notebook.relative_to(ROOT).as_posix()
        assert f"/github/{repository()}/blob/main/{path})" in badge
        install = "".join(cells_of(notebook, "code")[0]["source"])
        assert f"git+https://github.com/{repository()}" in install
        assert '"kt-evolution[tensorflow,notebooks] @ {source}"' in install

    def test_names_no_folder_of_a_machine(self, notebook):
        found = re.findall(
            r"[\"' (](/(?:root|home|tmp|usr|Users)/[^\"' ]*)",
            notebook.read_text(encoding="utf-8"),
        )
        assert found == []
