"""The allowlist of a resource: the metadata documents that it accepts (pure functions).

An entry is a well-known client by name, a URL that ends in "/" for all documents below it, the
origin of a host (`https://client.example`) for all of its documents, or the URL of one document.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

PREDEFINED, URL = "PREDEFINED", "URL"  # types of entries
_LONGEST = 512
# Documents of well-known clients. A name stands for all documents of these origins and URLs.
WELL_KNOWN = {
    "claude": ("https://claude.ai", "https://claude.com"),
    "chatgpt": ("https://chatgpt.com", "https://openai.com"),
    "vscode": ("https://vscode.dev", "https://insiders.vscode.dev"),
    "cursor": ("https://cursor.com", "https://www.cursor.com"),
    "opencode": ("https://opencode.ai",),
}


def allows(client_id: str, entries: Iterable[tuple[str, str]]) -> bool:
    """Whether one of the entries, pairs of a type and a value, allows this document."""
    return any(
        _covers(value, client_id)
        for kind, name in entries
        for value in (WELL_KNOWN.get(name, ()) if kind == PREDEFINED else (name,))
    )


def check(kind: str, value: str) -> None:
    """Check an entry.

    Raises:
        ValueError: it cannot be kept; the text says why.

    """
    if kind == PREDEFINED:
        if value not in WELL_KNOWN:
            raise ValueError(f"must be one of {', '.join(sorted(WELL_KNOWN))}")
        return
    try:
        url = urlsplit(value)
        is_clean = bool(url.hostname) and not (url.query or url.fragment or "@" in url.netloc)
    except ValueError:
        is_clean = False
    is_printable = value.isascii() and value.isprintable() and " " not in value
    if not is_clean or not is_printable or not value.startswith("https://"):
        raise ValueError("must be an https URL without a query and a fragment")
    if len(value) > _LONGEST:
        raise ValueError(f"must be at most {_LONGEST} characters")


def _covers(value: str, client_id: str) -> bool:
    if value.endswith("/"):
        return client_id.startswith(value)
    if not urlsplit(value).path:
        return client_id.startswith(f"{value}/")
    return client_id == value
