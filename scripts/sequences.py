"""Draws docs/diagrams/: the flows of the guides as sequence diagrams, each in light and dark.

With --check nothing is written: the exit code says whether the diagrams are current.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from dataclasses import dataclass
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "diagrams"
_LANE, _MARGIN, _HEAD, _LINE, _GAP = 150, 8, 44, 16, 16
_CHARACTER = 7  # pixels of a character, on average
_FONT = "system-ui, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif"


@dataclass(frozen=True, slots=True)
class Colors:
    """The colors of a scheme: those of the docs' style sheet."""

    ink: str
    quiet: str
    line: str
    accent: str
    paper: str
    panel: str


SCHEMES = {
    "": Colors("#16202e", "#525d6c", "#b4bcc8", "#0f6b57", "#fbfcfd", "#e3f0ec"),
    "-dark": Colors("#e6eaf0", "#a3adba", "#4b5665", "#63cbaa", "#12161c", "#17312b"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """A message from one participant to another, or a note where both are the same."""

    source: int
    target: int
    text: str
    answers: bool = False  # a dashed line


@dataclass(frozen=True, slots=True)
class Flow:
    """A sequence of steps between participants."""

    title: str
    participants: tuple[str, ...]
    steps: tuple[Step, ...]


FLOWS = {
    "sign-in": Flow(
        "Sign-in",
        ("Browser", "Your application", "Tenantry"),
        (
            Step(0, 1, "GET /login"),
            Step(1, 1, "Store state and PKCE verifier"),
            Step(1, 0, "303 to /oauth/authorize", answers=True),
            Step(0, 2, "GET /oauth/authorize with state and PKCE challenge"),
            Step(2, 2, "The user signs in and selects an organization"),
            Step(2, 0, "303 to /callback with code and state", answers=True),
            Step(0, 1, "GET /callback"),
            Step(1, 1, "Compare the state"),
            Step(1, 2, "POST /oauth/token with code and verifier"),
            Step(2, 1, "ID token, access token, refresh token", answers=True),
            Step(1, 0, "Session cookie", answers=True),
        ),
    ),
    "single-sign-on": Flow(
        "Single sign-on",
        ("Browser", "Tenantry", "Identity provider"),
        (
            Step(0, 1, "GET /oauth/authorize"),
            Step(1, 1, "Find the connection by the email domain"),
            Step(1, 0, "303 with SAML or OpenID Connect request", answers=True),
            Step(0, 2, "Sign-in request"),
            Step(2, 2, "The user signs in"),
            Step(2, 0, "SAML response or authorization code", answers=True),
            Step(0, 1, "POST or GET to Tenantry"),
            Step(1, 2, "OpenID Connect only: exchange the code"),
            Step(1, 1, "Verify the response, create or update the member"),
            Step(1, 0, "303 to your /callback with code", answers=True),
        ),
    ),
    "provisioning": Flow(
        "Provisioning with SCIM",
        ("Identity provider", "Tenantry", "Your application"),
        (
            Step(0, 1, "POST /Users with the directory secret"),
            Step(1, 1, "Create the user and the membership"),
            Step(1, 0, "201 with the user's ID", answers=True),
            Step(1, 2, "Webhook: user created"),
            Step(0, 1, "PATCH /Groups: add a member"),
            Step(1, 1, "Assign the roles of the group"),
            Step(0, 1, "PATCH /Users: not active"),
            Step(1, 1, "Deactivate the membership, end its sessions"),
            Step(1, 2, "Webhook: user updated"),
        ),
    ),
    "webhooks": Flow(
        "Events and webhooks",
        ("API or user", "Tenantry", "Your endpoint"),
        (
            Step(0, 1, "Change, such as a new member"),
            Step(1, 1, "Commit the change with its event"),
            Step(1, 0, "Response", answers=True),
            Step(1, 1, "Assign a position in the event log"),
            Step(1, 2, "POST, signed with the secret of the endpoint"),
            Step(2, 2, "Verify the signature, skip a known webhook-id"),
            Step(2, 1, "2xx: delivered", answers=True),
            Step(1, 2, "Otherwise: retry with increasing delays"),
        ),
    ),
}


def main() -> int:
    """Write the diagrams, or with --check only compare; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare, write nothing")
    check = parser.parse_args().check
    wanted = {
        f"{name}{suffix}.svg": drawing(flow, colors)
        for name, flow in FLOWS.items()
        for suffix, colors in SCHEMES.items()
    }
    if not check:
        FOLDER.mkdir(exist_ok=True)
        for name, text in wanted.items():
            (FOLDER / name).write_text(text, encoding="utf-8")
        return 0
    found = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.svg")}
    if found != wanted:
        print("not current: docs/diagrams; run make gen", file=sys.stderr)
        return 1
    return 0


def drawing(flow: Flow, colors: Colors) -> str:
    """Return the SVG of a flow. It has no style sheet, which a content security policy may deny."""
    width = _LANE * len(flow.participants) + 2 * _MARGIN
    parts, y = [], _HEAD + 2 * _GAP
    for step in flow.steps:
        lines = _lines(step)
        if step.source == step.target:
            parts += _note(step, lines, y, width, colors)
            y += len(lines) * _LINE + 12 + _GAP
        else:
            parts += _arrow(step, lines, y, colors)
            y += len(lines) * _LINE + _GAP + 6
    height = y
    heads = [
        piece
        for index, name in enumerate(flow.participants)
        for piece in _head(index, name, height, colors)
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" font-family="{escape(_FONT)}" font-size="13" '
            f'text-anchor="middle" fill="{colors.ink}">',
            f"<title>{escape(flow.title)}</title>",
            f'<rect width="{width}" height="{height}" rx="8" fill="{colors.paper}"/>',
            *heads,
            *parts,
            "</svg>\n",
        ]
    )


def _center(lane: int) -> int:
    return _MARGIN + _LANE * lane + _LANE // 2


def _lines(step: Step) -> list[str]:
    lanes = max(1, abs(step.source - step.target))
    return textwrap.wrap(step.text, (lanes * _LANE - 14) // _CHARACTER)


def _head(lane: int, name: str, height: int, colors: Colors) -> list[str]:
    x = _center(lane)
    return [
        f'<path d="M{x} {_HEAD}V{height - 6}" stroke="{colors.line}" stroke-dasharray="2 4"/>',
        f'<rect x="{x - _LANE // 2 + 6}" y="8" width="{_LANE - 12}" height="{_HEAD - 12}" rx="6" '
        f'fill="{colors.panel}" stroke="{colors.accent}"/>',
        f'<text x="{x}" y="29" font-weight="600">{escape(name)}</text>',
    ]


def _texts(lines: list[str], x: int, y: int, color: str) -> list[str]:
    return [
        f'<text x="{x}" y="{y + index * _LINE}" fill="{color}">{escape(line)}</text>'
        for index, line in enumerate(lines)
    ]


def _arrow(step: Step, lines: list[str], y: int, colors: Colors) -> list[str]:
    start, end = _center(step.source), _center(step.target)
    forward = 1 if end > start else -1
    at = y + (len(lines) - 1) * _LINE + 8
    middle = (start + end) // 2
    widest = max(map(len, lines)) * _CHARACTER + 8
    dashes = ' stroke-dasharray="5 4"' if step.answers else ""
    return [
        # Lifelines end before the text.
        f'<rect x="{middle - widest // 2}" y="{y - 12}" width="{widest}" '
        f'height="{len(lines) * _LINE}" fill="{colors.paper}"/>',
        *_texts(lines, middle, y, colors.ink),
        f'<path d="M{start} {at}H{end - 7 * forward}" stroke="{colors.accent}" '
        f'stroke-width="1.5"{dashes}/>',
        f'<path d="M{end} {at}l{-8 * forward} -4v8z" fill="{colors.accent}"/>',
    ]


def _note(step: Step, lines: list[str], y: int, width: int, colors: Colors) -> list[str]:
    box = max(map(len, lines)) * _CHARACTER + 16
    x = min(max(_center(step.source), box // 2 + 2), width - box // 2 - 2)
    height = len(lines) * _LINE + 8
    return [
        f'<rect x="{x - box // 2}" y="{y - 15}" width="{box}" height="{height}" rx="4" '
        f'fill="{colors.paper}" stroke="{colors.line}"/>',
        *_texts(lines, x, y, colors.quiet),
    ]


if __name__ == "__main__":
    sys.exit(main())
