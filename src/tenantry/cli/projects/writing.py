"""Writes a project: the files of its example, an `.env`, a `.gitignore` and an adapted README."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import tempfile
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from tenantry.cli import running

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.cli.projects.frameworks import Framework

# Created by runs of an example in its place, and not part of it.
_CREATED = shutil.ignore_patterns(
    *("node_modules", ".next", "__pycache__", ".venv", ".env"),
    *("next-env.d.ts", "*.tsbuildinfo", "package-lock.json"),
)
_RUN_IT = re.compile(r"(?<=^## Run it\n).*?(?=^## )", re.MULTILINE | re.DOTALL)
_DOCS_LINK = re.compile(r"\(\.\./\.\./docs/([\w/-]+)\.md(#[\w-]+)?\)")


def check(folder: Path) -> None:
    """End the command if the folder cannot become a project."""
    if folder.is_dir():
        if any(folder.iterdir()):
            running.fail(f"{folder} is not empty: name another folder, or remove it")
    elif folder.exists() or folder.is_symlink():
        running.fail(f"{folder} is not a folder: name another one")
    elif not folder.absolute().parent.is_dir():
        running.fail(f"{folder.absolute().parent} does not exist: create it first")


def write(
    framework: Framework, folder: Path, variables: Mapping[str, str], commands: list[str]
) -> None:
    """Write the project completely, or not at all."""
    parent = folder.absolute().parent
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=parent))
    try:
        project = temporary / folder.name
        example = files("tenantry").joinpath("examples", framework.example)
        with as_file(example) as source:
            shutil.copytree(source, project, ignore=_CREATED, copy_function=shutil.copyfile)
        readme = project / "README.md"
        text = _adapted(readme.read_text(encoding="utf-8"), variables, commands)
        readme.write_text(text, encoding="utf-8")
        ignored = "".join(f"{name}\n" for name in (".env", *framework.ignored))
        (project / ".gitignore").write_text(ignored)
        _write_secret(project / ".env", _environment(variables))
        project.replace(folder)  # also an empty folder
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_secret(path: Path, text: str) -> None:
    """Create a file that only its owner can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _environment(variables: Mapping[str, str]) -> str:
    """Return the `.env`, which shells and dotenv libraries can read."""
    lines = (f"{name}={shlex.quote(value)}\n" for name, value in variables.items())
    return "# Contains a secret. Do not commit this file.\n" + "".join(lines)


def _adapted(readme: str, variables: Mapping[str, str], commands: list[str]) -> str:
    """Return the README of the example with the commands and the URLs of this project."""
    server, app = variables["SCALEKIT_ENVIRONMENT_URL"], variables["APP_URL"]
    run_it = (
        "\n```sh\n" + "".join(f"{command}\n" for command in commands) + "```\n\n"
        f"Open {app} and sign up. A development server shows its emails at {server}/dev/mail.\n\n"
        "`.env` contains the client ID and the secret of the application. Do not commit it.\n\n"
    )
    text = _RUN_IT.sub(lambda _: run_it, readme)
    return _DOCS_LINK.sub(lambda found: f"({server}/docs/{found[1]}{found[2] or ''})", text)
