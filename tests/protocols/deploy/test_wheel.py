"""The wheel: every file of the package is in it, and it serves from an empty environment."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import httpx
import pytest
from repository import ROOT
from servers import LiveServer, without_settings

from tenantry import __version__

PACKAGE = ROOT / "src" / "tenantry"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel as `pip wheel` makes it, of a copy: a build leaves files beside the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    names = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "src", "docs", "examples")
    copied = ["cp", "-r", *(ROOT / name for name in names)]
    (folder / "source").mkdir()
    subprocess.run([*copied, folder / "source"], check=True)
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"),
            *("--no-build-isolation", "--wheel-dir", folder, folder / "source"),
        ],
        check=True,
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.mark.thorough
def test_it_holds_every_file_of_the_package(wheel):
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("tenantry/")}
    files = {
        str(path.relative_to(PACKAGE.parent))
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    # Its guides are those of the source: a link leads there.
    files |= {
        f"tenantry/endpoints/docs/docs/{path.relative_to(ROOT / 'docs')}"
        for path in (*(ROOT / "docs").rglob("*.md"), *(ROOT / "docs" / "diagrams").iterdir())
        if path.relative_to(ROOT / "docs").parts[0]
        not in {"decisions", "performance", "pictures", "reliability"}
    }
    # The docs show them, and `tenantry init` writes some.
    listed = subprocess.run(
        ["git", "ls-files", "examples"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    files |= {f"tenantry/{name}" for name in listed.stdout.split()}
    assert packed == files


def check_a_shell(server, place):
    """The line that a start prints sets a shell up, and our commands work in any folder there."""
    (line,) = re.findall(r"Run next +(.*)", server.logged("Version"))
    assert f"{place}/bin/tenantry env" in line
    script = f"set -euo pipefail\n{line}\ncd /\ntenantry client list --json\ntenantry --version"
    done = subprocess.run(
        ["bash", "-c", script],
        env=without_settings() | {"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert server.client_id in done.stdout
    assert done.stdout.endswith(f"{__version__}\n")


@pytest.mark.thorough
def test_pip_installs_it_with_all_that_it_needs_and_it_serves(wheel, tmp_path):
    """With libraries from the package index, the newest that it takes."""
    place = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    pip = [place / "bin" / "python", "-m", "pip", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*pip, "install", wheel], capture_output=True, text=True, check=False)
    if "No matching distribution" in done.stderr and "NewConnectionError" in done.stderr:
        pytest.skip("the package index cannot be reached")
    assert done.returncode == 0, done.stderr
    subprocess.run([*pip, "check"], check=True)
    folder = tmp_path / "empty"
    folder.mkdir()
    server = LiveServer(folder).start(place / "bin" / "tenantry", "serve")
    try:
        check_a_shell(server, place)
        with httpx.Client(base_url=server.url, verify=server.trust) as client:
            for path in ("/", "/docs", "/openapi.json", "/dev/mail"):
                assert client.get(path).status_code == 200, path
    finally:
        assert server.stop() == 0
    assert {path.name for path in folder.iterdir()} == {"data", server.log.name}


@pytest.mark.thorough
def test_it_serves_in_an_empty_folder(wheel, tmp_path):
    place = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    python = place / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--quiet", "--python", python]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", wheel], check=True)
    # Its libraries are those that tests run with; a copy of this package there comes second.
    (packages,) = place.glob("lib/python*/site-packages")
    (packages / "libraries.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    where = [python, "-c", "import tenantry; print(tenantry.__file__)"]
    found = subprocess.run(where, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert Path(found.stdout.strip()).is_relative_to(packages)

    folder = tmp_path / "empty"
    folder.mkdir()
    server = LiveServer(folder).start(place / "bin" / "tenantry", "serve")
    try:
        check_a_shell(server, place)
        with httpx.Client(base_url=server.url, verify=server.trust) as client:
            for path in (
                *("/", "/home.css", "/docs", "/docs/guides", "/docs/guides/sign-people-in"),
                *("/llms.txt", "/openapi.json", "/dev/mail", "/dev/design"),
            ):
                assert client.get(path).status_code == 200, path
    finally:
        assert server.stop() == 0
    assert {path.name for path in folder.iterdir()} == {"data", server.log.name}
