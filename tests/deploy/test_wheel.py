"""The wheel: every file of the package is in it, and it serves from an empty environment."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import httpx
import pytest
from servers import LiveServer

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "tenantry"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel as `pip wheel` makes it, of a copy: a build leaves files beside the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    copied = ["cp", "-r", *(ROOT / n for n in ("pyproject.toml", "README.md", "LICENSE", "src"))]
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


def test_it_holds_every_file_of_the_package(wheel):
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("tenantry/")}
    files = {
        str(path.relative_to(PACKAGE.parent))
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == files


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
        with httpx.Client(base_url=server.url, verify=server.trust) as client:
            for path in ("/", "/home.css", "/docs", "/openapi.json", "/dev/mail", "/dev/design"):
                assert client.get(path).status_code == 200, path
    finally:
        assert server.stop() == 0
    assert {path.name for path in folder.iterdir()} == {"data", server.log.name}
