"""The applications of `examples/`, which the docs show with all of their files."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from tenantry.endpoints.docs.guides.sources import Guide

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

PATH = "/docs/examples/"
_README = "README.md"
# Of the source: files that an application installs or builds are left out.
_LANGUAGES = {
    "py": "python",
    "js": "js",
    "jsx": "js",
    "ts": "js",
    "tsx": "js",
    "go": "go",
    "json": "json",
    "html": "",
    "ejs": "",
    "css": "",
    "txt": "",
    "mod": "",
}
_LEFT_OUT = {"node_modules", "dist", "__pycache__", "package-lock.json", "next-env.d.ts"}


@dataclass(frozen=True, slots=True)
class File:
    """A file of an example; ``language`` is "" if its code is not highlighted."""

    path: str
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Example(Guide):
    """An example; its page shows its README and its files."""

    @property
    def name(self) -> str:
        """The folder below `examples/`."""
        return self.path.split("/")[-2]

    @property
    def url(self) -> str:
        """The path of its page."""
        return PATH + self.name

    def read(self) -> str:
        """Return its README."""
        return _folder().joinpath(self.name, _README).read_text(encoding="utf-8")

    def files(self) -> list[File]:
        """Return its files, those of its root first."""
        found = _files(_folder().joinpath(self.name), "")
        return sorted(found, key=lambda file: (file.path.count("/"), file.path))


@functools.cache
def by_url() -> dict[str, Example]:
    """Return all examples by the path of their page."""
    found = [
        Example(f"../examples/{folder.name}/{_README}", folder.name, "Source code")
        for folder in _folder().iterdir()
        if folder.joinpath(_README).is_file()
    ]
    return {example.url: example for example in found}


def url_of(path: str) -> str:
    """Return where a file of an example is shown, "" if it is not."""
    _, _, inside = path.partition("examples/")
    name, _, file = inside.partition("/")
    if path != f"examples/{inside}" or PATH + name not in by_url():
        return ""
    return PATH + name + (f"#{file}" if file and file != _README else "")


def _folder() -> Traversable:
    return files("tenantry").joinpath("examples")


def _files(folder: Traversable, above: str) -> Iterator[File]:
    for entry in folder.iterdir():
        if entry.name in _LEFT_OUT or entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _files(entry, f"{above}{entry.name}/")
            continue
        ending = entry.name.rpartition(".")[2]
        if ending in _LANGUAGES:
            text = entry.read_text(encoding="utf-8")
            yield File(above + entry.name, _LANGUAGES[ending], text)
