"""Writes docs/openid-conformance.md from the table of tests/openid_conformance.

With --check nothing is written: the exit code says whether the file is current.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = Path(__file__).resolve().parent.parent
_TABLE = _ROOT / "tests" / "openid_conformance" / "profiles.toml"
PAGE = _ROOT / "docs" / "openid-conformance.md"
_BEGINNING = """\
# OpenID Connect conformance

<!-- Generated from tests/openid_conformance/profiles.toml by `make gen`. Do not edit. -->

The OpenID Foundation certifies providers with its
[conformance suite](https://openid.net/certification/). Tenantry is not certified, and its tests do
not run the suite, which is a service and not available as a package. Instead, one test covers each
module of the profiles below and makes the same assertions. Independent relying parties
([openid-client](https://github.com/panva/openid-client),
[oauth4webapi](https://github.com/panva/oauth4webapi), [Authlib](https://authlib.org)) redirect a
browser to a running server over HTTPS, where it signs in. You can run the suite against your own
server with pre-registered clients (`static_client`).
"""


def main() -> int:
    """Writes, or with --check only compares; returns the exit code."""
    parser = argparse.ArgumentParser(description="Write docs/openid-conformance.md.")
    parser.add_argument("--check", action="store_true", help="only compare, write nothing")
    text = "\n".join(page())
    if not parser.parse_args().check:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        print("not current: docs/openid-conformance.md; run make gen", file=sys.stderr)
        return 1
    return 0


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    profiles = {
        one["name"]: one for one in tomllib.loads(_TABLE.read_text(encoding="utf-8"))["profile"]
    }
    yield _BEGINNING
    yield "| Profile | Tested | Not tested |"
    yield "| --- | --- | --- |"
    for name, profile in profiles.items():
        modules = _modules(profile, profiles)
        left_out = sum("not_driven" in said for said in modules.values())
        yield f"| {name} | {len(modules) - left_out} | {left_out} |"
    yield ""
    for name, profile in profiles.items():
        yield f"## {name}"
        yield ""
        yield f"Plan `{profile['plan']}`, tested with {', '.join(profile['clients'])}."
        if "note" in profile:
            yield profile["note"]
        if "like" in profile:
            yield f"All modules of {profile['like']}, each with `response_mode=form_post`."
        else:
            yield ""
            yield "| Module | Tested | Notes |"
            yield "| --- | --- | --- |"
            for module, said in profile["modules"].items():
                driven = "no" if "not_driven" in said else "yes"
                text = said.get("not_driven") or said.get("note") or ""
                yield f"| `{module}` | {driven} | {text} |"
        yield ""


def _modules(profile: dict[str, Any], profiles: dict[str, Any]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = profiles[profile.get("like", profile["name"])]["modules"]
    return found


if __name__ == "__main__":
    sys.exit(main())
