"""Writes docs/providers/, a page for each identity provider, from the guides.

With --check nothing is written: the exit code says whether the files are current.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tenantry.identity.connections.guides import guides
from tenantry.identity.connections.guides.guides import OURS, THEIRS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tenantry.i18n.guide_steps import Step
    from tenantry.identity.connections.guides.guides import Guide

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "providers"
_MADE = "<!-- Generated from the guides by `make gen`. Do not edit. -->\n"
_INDEX = """\
# Identity providers

{made}
Each guide describes how a customer's admin configures the identity provider, and which values to
copy into the connection. In URLs, `CONNECTION` is the ID of the connection and
`https://auth.example.com` is your server. Test the connection before you enable it. The test shows
the received attributes or the [error](../sign-in-errors.md).

| Provider | SAML | OpenID Connect |
| --- | --- | --- |
"""
_ADDRESSES = {
    "sp_assertion_url": "https://auth.example.com/sso/v1/saml/CONNECTION/callback",
    "sp_entity_id": "https://auth.example.com/sso/v1/saml/CONNECTION",
    "sp_metadata_url": "https://auth.example.com/sso/v1/saml/CONNECTION/metadata",
    "sp_metadata": "https://auth.example.com/sso/v1/saml/CONNECTION/metadata?download",
    "redirect_uri": "https://auth.example.com/sso/v1/oidc/CONNECTION/callback",
    "post_logout_redirect_uri": "https://auth.example.com/sso/v1/oidc/CONNECTION/logout/callback",
    "backchannel_logout_redirect_uri": (
        "https://auth.example.com/sso/v1/oidc/CONNECTION/backchannel-logout"
    ),
}


def main() -> int:
    """Writes, or with --check only compares; returns the exit code."""
    parser = argparse.ArgumentParser(description="Write docs/providers/.")
    parser.add_argument("--check", action="store_true", help="only compare, write nothing")
    pages = {"README.md": index(), **{f"{one.id}.md": page(one) for one in guides.guides()}}
    texts = {name: "\n".join(lines) for name, lines in pages.items()}
    if not parser.parse_args().check:
        FOLDER.mkdir(exist_ok=True)
        for name, text in texts.items():
            (FOLDER / name).write_text(text, encoding="utf-8")
        return 0
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    if there != texts:
        print("not current: docs/providers/; run make gen", file=sys.stderr)
        return 1
    return 0


def index() -> Iterator[str]:
    """Yield the lines of the index."""
    yield _INDEX.format(made=_MADE).rstrip("\n")
    for one in guides.guides():
        protocols = ("yes" if steps else "" for steps in (one.saml, one.oidc))
        yield f"| [{one.name}]({one.id}.md) | {' | '.join(protocols)} |"
    yield ""


def page(guide: Guide) -> Iterator[str]:
    """Yield the lines of a provider's page."""
    yield f"# {guide.name}\n\n{_MADE}"
    yield (
        f"Set `provider` of the connection to `{guide.provider}`. This takes about 15 minutes. "
        "[All providers](README.md)\n"
    )
    for name, steps in (("SAML", guide.saml), ("OpenID Connect", guide.oidc)):
        if steps:
            yield f"## {name}\n"
            for number, step in enumerate(steps, 1):
                yield from _step(number, step)
    yield "Then test the connection and enable it.\n"


def _step(number: int, step: Step) -> Iterator[str]:
    yield f"### {number}. {step.title}\n\n{step.text}\n"
    yield from _table(
        ("Field at the provider", "Value", "Name in Tenantry"),
        ((one.field, f"`{_ADDRESSES[one.value]}`", OURS[one.value]) for one in step.ours),
    )
    sent = (*step.attributes, *filter(None, (step.groups,)))
    if any(one.value for one in sent):
        yield from _table(
            ("Attribute", "Value at the provider", "Key in Tenantry"),
            ((f"`{one.name}`", one.value, f"`{one.key}`") for one in sent),
        )
    elif sent:
        yield f"Tenantry reads the claims {', '.join(f'`{one.name}`' for one in sent)}.\n"
    yield from _table(
        ("Value at the provider", "Field of the connection", "API field"),
        ((one.field, THEIRS[one.value], f"`{one.value}`") for one in step.theirs),
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    found = list(rows)
    if found:
        for row in (head, ("---",) * len(head), *found):
            yield f"| {' | '.join(row)} |"
        yield ""


if __name__ == "__main__":
    sys.exit(main())
