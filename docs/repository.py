"""Writes the address of the repository where it is needed.

setup.cfg is the one place that says it. MkDocs reads this module as a hook,
which adds the address to the pages. Lines that are copied from README, from
"Getting started", from the guide of Colab and from the notebooks must have
it, and

    python docs/repository.py

writes it into them.
"""

import configparser
import os
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
NAMING = [
    ROOT / "README.md",
    ROOT / "docs" / "getting_started.md",
    ROOT / "docs" / "guides" / "colab.md",
    *sorted((ROOT / "examples" / "notebooks").glob("*.ipynb")),
]
# "owner/name" in an address of GitHub, or of Colab, which opens its files.
NAMED = re.compile(r"(github(?:\.com)?/)[\w.-]+/kt-evolution\b")
LINK = re.compile(r"\]\((\.\./[^)#]+)")


def address() -> str:
    """Returns the address of the repository."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config["metadata"]["url"]


def named(text: str) -> str:
    """Returns a text with the repository of setup.cfg in its addresses."""
    owner_and_name = address().removeprefix("https://github.com/")
    return NAMED.sub(rf"\g<1>{owner_and_name}", text)


def on_config(config: Any) -> None:
    """Adds a link to the repository to each page.

    With MkDocs's `repo_url` each visit would ask GitHub for its stars.
    """
    icon = "fontawesome/brands/github"
    config.extra["social"] = [{"icon": icon, "link": address()}]


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Returns a page whose links to other files lead to the repository."""
    folder = Path(page.file.src_uri).parent

    def replace(match: re.Match[str]) -> str:
        path = os.path.normpath(Path("docs", folder, match[1]))
        if path.startswith("docs"):
            return match[0]
        return f"]({address()}/blob/main/{Path(path).as_posix()}"

    return LINK.sub(replace, markdown)


def main() -> None:
    for path in NAMING:
        text = path.read_text(encoding="utf-8")
        path.write_text(named(text), encoding="utf-8")


if __name__ == "__main__":
    main()
