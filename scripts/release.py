"""Build a release of the last commit into dist/: wheel, sdist, image context, chart, SBOM, sums.

The same commit makes the same bytes, wherever and whenever. Run by `make release`, with the Python
of build/release, which has the tools (docs/releasing.md).
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME = "tenantry"
# The files that `podman build --file deploy/container/Containerfile .` reads.
IMAGE = (
    *("LICENSE", "README.md", "pyproject.toml", "setup.py"),
    *("requirements.txt", "requirements-build.txt"),
    *(".dockerignore", "src", "docs", "examples", "deploy/container"),
)
CHART = "deploy/helm/tenantry"
NOTES = "### Upgrade notes"
_VERSION = re.compile(r'^__version__ = "(\d+\.\d+\.\d+)"$', re.MULTILINE)
_FENCE = re.compile(r'^FENCE = "(\d{4})"$', re.MULTILINE)


class ReleaseError(Exception):
    """No release is built; the text is a line for the operator."""


def main() -> None:
    """Check, build, and say what to do next."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "dist")
    parser.add_argument("--tag", action="store_true", help="sign the tag, where a key is set")
    options = parser.parse_args()
    try:
        check_output(options.output)
        version = checked(ROOT)
        with tempfile.TemporaryDirectory() as folder:
            tree = exported(ROOT, Path(folder) / "tree")
            made = build(tree, Path(folder) / "made", version, epoch(ROOT))
            shutil.rmtree(options.output, ignore_errors=True)
            shutil.copytree(made, options.output)
    except ReleaseError as problem:
        sys.exit(f"release: {problem}")
    print((options.output / "SHA256SUMS").read_text(), end="")
    _tag(version, sign=options.tag)


def checked(root: Path) -> str:
    """Return the version that may be released as the tree is.

    Raises:
        ReleaseError: something is not committed, the changelog does not know the version, or it was
            released as another commit.

    """
    if _git(root, "status", "--porcelain"):
        raise ReleaseError("there are changes that are not committed: commit them first")
    version = version_of(root)
    sections = changelog((root / "CHANGELOG.md").read_text())
    if version not in sections:
        raise ReleaseError(
            f'CHANGELOG.md has no section "## {version} - YYYY-MM-DD": '
            "name what is there under Unreleased so"
        )
    if NOTES not in sections[version]:
        raise ReleaseError(f'CHANGELOG.md: {version} has no "{NOTES}": say what to do, or nothing')
    chart = root / CHART / "Chart.yaml"
    if chart.exists() and f"version: {version}\nappVersion: {version}\n" not in chart.read_text():
        raise ReleaseError(f"{CHART}/Chart.yaml: version and appVersion are not {version}")
    tagged = commit_of_tag(root, version)
    if tagged not in {"", _git(root, "rev-parse", "HEAD")}:
        raise ReleaseError(f"v{version} is released already, as {tagged}: set the next version")
    return version


def check_output(folder: Path) -> None:
    """Make sure that nothing is lost where a folder is replaced.

    Raises:
        ReleaseError: other things lie in it than a former release.

    """
    if folder.exists() and not (folder / "SHA256SUMS").is_file() and any(folder.iterdir()):
        raise ReleaseError(f"{folder} has other things in it than a release: name another folder")


def version_of(root: Path) -> str:
    """Return the version, which stands in one place."""
    found = _VERSION.search((root / "src" / NAME / "__init__.py").read_text())
    if found is None:
        raise ReleaseError("src/tenantry/__init__.py: __version__ is not MAJOR.MINOR.PATCH")
    return found[1]


def changelog(text: str) -> dict[str, str]:
    """Return the sections of the changelog by their versions, and "Unreleased"."""
    parts = re.split(
        r"^## (Unreleased|\d+\.\d+\.\d+ - \d{4}-\d{2}-\d{2})$", text, flags=re.MULTILINE
    )
    heads, bodies = parts[1::2], parts[2::2]
    return {head.partition(" ")[0]: body for head, body in zip(heads, bodies, strict=True)}


def commit_of_tag(root: Path, version: str) -> str:
    """Return the commit that the tag of a version names, "" where there is none."""
    command = ["git", "rev-parse", "--quiet", "--verify", f"refs/tags/v{version}^{{commit}}"]
    done = subprocess.run(command, cwd=root, check=False, capture_output=True, text=True)
    return done.stdout.strip()


def exported(root: Path, tree: Path) -> Path:
    """Write the files of the last commit, and nothing that lies beside them."""
    tree.mkdir(parents=True)
    archive = subprocess.run(
        ["git", "archive", "HEAD"], cwd=root, check=True, stdout=subprocess.PIPE
    )
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(tree, filter="data")
    for path in tree.rglob("*"):
        executable = not path.is_dir() and path.stat().st_mode & 0o100
        path.chmod(0o755 if path.is_dir() or executable else 0o644)
    return tree


def epoch(root: Path) -> int:
    """Return the time of the last commit, in seconds since 1970: that of all files."""
    return int(_git(root, "log", "-1", "--format=%ct"))


def build(tree: Path, made: Path, version: str, seconds: int) -> Path:
    """Build all parts of a release from a tree of its files; return their folder."""
    made.mkdir(parents=True)
    os.environ["SOURCE_DATE_EPOCH"] = str(seconds)
    os.umask(0o022)
    stem = f"{NAME}-{version}"
    _archive(made / f"{stem}-image.tar.gz", tree, IMAGE, f"{stem}-image", seconds)
    if (tree / CHART).exists():  # as `helm package` names it
        _archive(made / f"{stem}.tgz", tree / CHART, ("",), NAME, seconds)
    _sbom(tree, made / f"{stem}.cdx.json", version)
    _python(tree, made, seconds)
    db = tree / "src/tenantry/db"
    newest = max(file.name for file in (db / "migrations/versions").glob("[0-9]*_*.py"))
    (fence,) = _FENCE.findall((db / "revisions.py").read_text())
    about = {"version": version, "schema": newest.partition("_")[0], "oldest_schema": fence}
    (made / f"{stem}.json").write_text(json.dumps(about, indent=2) + "\n")
    sums = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(made.iterdir())
    ]
    (made / "SHA256SUMS").write_text("".join(sums))
    return made


def _python(tree: Path, made: Path, seconds: int) -> None:
    """Build the wheel and the sdist; the latter is packed anew, for it has times of its own.

    Raises:
        ReleaseError: setuptools refuses.

    """
    with tempfile.TemporaryDirectory() as folder:
        # In a process of its own, for it tells of each file.
        steps = (
            "import sys; from setuptools import build_meta;"
            "sdist, wheel = sys.argv[1:];"  # some versions put arguments of their own there
            "build_meta.build_sdist(sdist); build_meta.build_wheel(wheel)"
        )
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", steps, folder, made],
            cwd=tree,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ReleaseError(f"setuptools: {done.stderr.strip()}")
        (sdist,) = Path(folder).glob("*.tar.gz")
        with tarfile.open(sdist) as files:
            files.extractall(folder, filter="data")
        stem = sdist.name.removesuffix(".tar.gz")
        _archive(made / sdist.name, Path(folder) / stem, ("",), stem, seconds)


def _archive(file: Path, folder: Path, names: tuple[str, ...], prefix: str, seconds: int) -> None:
    """Pack files in the order of their names, with one time and one owner."""
    found = {path for name in names for path in (folder / name, *(folder / name).rglob("*"))}
    with (
        file.open("wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=seconds) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as files,
    ):
        for path in sorted(found):
            linked = path.is_symlink()
            if (path.is_dir() and not linked) or "__pycache__" in path.parts:
                continue
            entry = files.gettarinfo(path, f"{prefix}/{path.relative_to(folder)}")
            entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = seconds, 0, 0, "", ""
            entry.mode = 0o755 if entry.mode & 0o100 else 0o644
            if linked:  # the guides, which are a folder of the source
                files.addfile(entry)
                continue
            with path.open("rb") as content:
                files.addfile(entry, content)


def _sbom(tree: Path, file: Path, version: str) -> None:
    """Write what the release is made of in CycloneDX, and hold it against its schema.

    Raises:
        ReleaseError: it is not valid.

    """
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    subprocess.run(
        [
            *(sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements"),
            *("--output-reproducible", "--of", "JSON", "--sv", "1.6", "-o", file),
            "requirements.txt",
        ],
        cwd=tree,
        check=True,
    )
    found = json.loads(file.read_text())
    for component in found["components"]:
        component.pop("description", None)  # the line of requirements.txt once more
        component["bom-ref"] = component["purl"]
    project = tomllib.loads((tree / "pyproject.toml").read_text())["project"]
    root = f"pkg:pypi/{NAME}@{version}"
    found["metadata"]["component"] = {
        "type": "application",
        "bom-ref": root,
        "name": NAME,
        "version": version,
        "description": project["description"],
        "licenses": [{"license": {"id": project["license"]}}],
        "purl": root,
    }
    refs = sorted(component["bom-ref"] for component in found["components"])
    found["dependencies"] = [
        {"ref": root, "dependsOn": refs},
        *({"ref": ref} for ref in refs),
    ]
    text = json.dumps(found, indent=2, sort_keys=True) + "\n"
    if problem := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise ReleaseError(f"the SBOM is not valid CycloneDX 1.6: {problem}")
    file.write_text(text)


def _tag(version: str, *, sign: bool) -> None:
    """Sign the tag where that is asked for and a key is set, or say how; and how to verify."""
    command = ["git", "tag", "-s", f"v{version}", "-m", f"Tenantry {version}"]
    has_key = subprocess.run(
        ["git", "config", "user.signingkey"], cwd=ROOT, capture_output=True, check=False
    ).stdout.strip()
    if commit_of_tag(ROOT, version):
        print(f"v{version} is tagged already")
    elif sign and has_key:
        subprocess.run(command, cwd=ROOT, check=True)
        print(f"signed v{version}")
    else:
        why = "" if has_key or not sign else " (no user.signingkey is set)"
        print(f'next{why}: git tag -s v{version} -m "Tenantry {version}"')
    print(f"verify: git tag -v v{version}; in dist/: sha256sum -c SHA256SUMS")


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


if __name__ == "__main__":
    main()
