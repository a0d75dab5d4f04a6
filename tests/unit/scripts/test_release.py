"""A release: refused where something is missing, whole, and the same bytes wherever it is built."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import commands
import pytest
from repository import ROOT

from tenantry import __version__
from tenantry.db.revisions import FENCE, HEAD

sys.path.append(str(ROOT / "scripts"))

import release

UNRELEASED = """# Changelog

## Unreleased

- Something.
"""
RELEASED = f"""# Changelog

## Unreleased

### Upgrade notes

Nothing to do.

## {__version__} - 2026-11-27

### Upgrade notes

Run `tenantry migrate` first.

- Something.
"""


def git(tree, *arguments: str):
    named = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    subprocess.run(["git", *named, *arguments], cwd=tree, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path):
    """A repository with the files that a release is checked by."""
    tree = tmp_path / "repository"
    for name in ("src/tenantry/__init__.py", "deploy/helm/tenantry/Chart.yaml"):
        (tree / name).parent.mkdir(parents=True)
        shutil.copy(ROOT / name, tree / name)
    git(tree, "init", "-q")
    return tree


def committed(tree, text):
    (tree / "CHANGELOG.md").write_text(text)
    git(tree, "add", "-A")
    git(tree, "commit", "-q", "-m", "All")
    return tree


def test_a_version_that_the_changelog_tells_of_may_be_released(repository):
    assert release.checked(committed(repository, RELEASED)) == __version__


@pytest.mark.parametrize(
    ("changelog", "says"),
    [
        (UNRELEASED, f'has no section "## {__version__} - YYYY-MM-DD"'),
        (RELEASED.replace("### Upgrade notes", "### Notes"), 'has no "### Upgrade notes"'),
    ],
)
def test_one_that_it_does_not_tell_of_is_refused(repository, changelog, says):
    with pytest.raises(release.ReleaseError, match=re.escape(says)):
        release.checked(committed(repository, changelog))


def test_changes_that_are_not_committed_are_refused(repository):
    committed(repository, RELEASED)
    (repository / "more.txt").write_text("more")
    with pytest.raises(release.ReleaseError, match="not committed"):
        release.checked(repository)


def test_a_version_that_was_released_is_built_again_of_its_own_commit_alone(repository):
    committed(repository, RELEASED)
    git(repository, "tag", "-a", f"v{__version__}", "-m", "Released")
    assert release.checked(repository) == __version__
    committed(repository, f"{RELEASED}- More.\n")
    with pytest.raises(release.ReleaseError, match=f"v{__version__} is released already, as"):
        release.checked(repository)


def test_a_folder_with_other_things_in_it_is_not_replaced(tmp_path):
    release.check_output(tmp_path / "dist")
    release.check_output(tmp_path)
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(release.ReleaseError, match="has other things in it than a release"):
        release.check_output(tmp_path)
    (tmp_path / "SHA256SUMS").write_text("")
    release.check_output(tmp_path)


def test_a_chart_of_another_version_is_refused(repository):
    chart = repository / release.CHART / "Chart.yaml"
    chart.write_text(chart.read_text().replace(f"appVersion: {__version__}", "appVersion: 9.9.9"))
    with pytest.raises(release.ReleaseError, match="version and appVersion are not"):
        release.checked(committed(repository, RELEASED))


def test_the_version_stands_in_one_place():
    assert release.version_of(ROOT) == __version__
    assert not re.search(r'^version = "', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)


def test_each_release_in_the_changelog_says_what_to_do():
    sections = release.changelog((ROOT / "CHANGELOG.md").read_text())
    assert "Unreleased" in sections
    for version, section in sections.items():
        assert re.search(rf"^{release.NOTES}\n\n\S", section, re.MULTILINE), version


TOOLS = ROOT / "build" / "release" / "bin" / "python"


@pytest.mark.thorough
@pytest.mark.timeout(600)
def test_two_builds_are_the_same_bytes_and_what_they_make_runs(tmp_path):
    if not TOOLS.exists():
        pytest.skip("make build/release/installed: cyclonedx-bom is not there")
    built = [_built(tmp_path / "one"), _built(tmp_path / "two" / "deeper", TZ="Asia/Tokyo")]
    first, second = ({path.name: path.read_bytes() for path in one.iterdir()} for one in built)
    assert first == second
    stem = f"tenantry-{__version__}"
    ends = ("-image.tar.gz", "-py3-none-any.whl", ".cdx.json", ".json", ".tar.gz", ".tgz")
    assert first.keys() == {"SHA256SUMS", *(f"{stem}{end}" for end in ends)}
    for line in first["SHA256SUMS"].decode().splitlines():
        digest, _, name = line.partition("  ")
        assert hashlib.sha256(first[name]).hexdigest() == digest
    about = {"version": __version__, "schema": HEAD, "oldest_schema": FENCE}
    assert json.loads(first[f"{stem}.json"]) == about
    _is_whole(built[0], stem)
    _runs(built[0] / f"{stem}-py3-none-any.whl", tmp_path / "installed")


def _built(folder, **environment: str):
    """Build it in a clone that is somewhere else, whose clock and umask are others."""
    folder.mkdir(parents=True)
    tree = folder / "clone"
    git(folder, "clone", "-q", "--shared", ROOT, tree)
    dates = {"GIT_AUTHOR_DATE": "@1767225600 +0000", "GIT_COMMITTER_DATE": "@1767225600 +0000"}
    (tree / "CHANGELOG.md").write_text(RELEASED)
    subprocess.run(["git", "add", "-A"], cwd=tree, check=True)
    named = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=0"]
    subprocess.run(
        ["git", *named, "commit", "-q", "--allow-empty", "-m", "Release"],
        cwd=tree,
        check=True,
        env=os.environ | dates,
    )
    done = subprocess.run(
        [TOOLS, "-P", tree / "scripts" / "release.py", "--output", folder / "dist"],
        cwd=folder,
        env=os.environ | environment,
        umask=0o077 if environment else 0o022,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"git tag -s v{__version__}" in done.stdout
    return folder / "dist"


def _is_whole(dist, stem):
    with tarfile.open(dist / f"{stem}-image.tar.gz") as files:
        names = set(files.getnames())
    for name in ("deploy/container/Containerfile", "requirements.txt", "src/tenantry/app.py"):
        assert f"{stem}-image/{name}" in names
    with tarfile.open(dist / f"{stem}.tgz") as files:
        assert {"tenantry/Chart.yaml", "tenantry/values.yaml"} <= set(files.getnames())
    bom = json.loads((dist / f"{stem}.cdx.json").read_text())
    pinned = re.findall(r"^[\w.-]+==", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.6")
    assert len(bom["components"]) >= len(pinned) > 0
    ours = {path.relative_to(ROOT / "src") for path in (ROOT / "src").rglob("*.html")}
    with zipfile.ZipFile(dist / f"{stem}-py3-none-any.whl") as wheel:
        assert {str(path) for path in ours} <= set(wheel.namelist())


def _runs(wheel, folder):
    """Install it into an empty environment, beside what it needs, and use it in an empty folder."""
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    install = ["-m", "pip", "--quiet", "install", "--no-deps", "--no-index", wheel]
    subprocess.run([python, *install], check=True)
    needs = next((Path(sys.prefix) / "lib").glob("python3*/site-packages"))
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(needs)}
    for command in (["migrate"], ["migrate", "status"]):
        done = subprocess.run(
            [folder / "venv" / "bin" / "tenantry", *command],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert "nothing to do" in done.stdout
    where = [python, "-P", "-c", "import tenantry; print(tenantry.__file__)"]
    found = subprocess.run(where, env=environment, capture_output=True, text=True, check=True)
    assert Path(found.stdout.strip()).is_relative_to(folder)


def test_a_command_tells_the_version(tmp_path):
    done = commands.run("--version", cwd=tmp_path, environment=dict(os.environ))
    assert (done.returncode, done.stdout) == (0, f"{__version__}\n")
