"""E-mail addresses: which ones we take, what they are known by, and how mail servers read them.

An address that we take is one of the contract's e-mail rule, which is that of HTML's fields: ASCII,
no quoting, a domain in A-labels. Older rows hold others, so stored ones are read more widely.
"""

from __future__ import annotations

import re

from tenantry.core import errors
from tenantry.net import domain_names

LOCAL_MAX = 64  # RFC 5321 section 4.5.3.1.1
MAX = 254  # RFC 5321 section 4.5.3.1.3, without the brackets

_LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
# `buf.validate.field.string.email`, as protovalidate defines it.
_ADDRESS = re.compile(rf"[a-zA-Z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_LABEL}(?:\.{_LABEL})*")
_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def checked(text: str, field: str = "email") -> str:
    """Return an e-mail address that mail can reach."""
    if len(text) > MAX:
        raise errors.InvalidArgument.field(
            field, "string.max_len", f"must be at most {MAX} characters, got {len(text)}"
        )
    if not _ADDRESS.fullmatch(text):
        raise errors.InvalidArgument.field(field, "string.email", "must be a valid email address")
    if text.index("@") > LOCAL_MAX:
        raise errors.InvalidArgument.field(
            field, "string.email", f"must have {LOCAL_MAX} characters at most before the @"
        )
    return text


def key(address: str) -> str:
    """Return what an address is found, counted and unique by.

    Only the letters of ASCII lose their case: no other one becomes one of them, so that nothing
    which is not ASCII is found as ASCII.
    """
    local, at, domain = address.rpartition("@")
    try:
        domain = domain_names.to_ascii(domain)
    except ValueError:
        domain = domain.translate(_LOWER)
    return f"{local.translate(_LOWER)}{at}{domain}"


def domain_of(address: str) -> str:
    """Return the domain of an address in its DNS form; one that it cannot have is left as it is."""
    return key(address).rpartition("@")[2]


def envelope(address: str) -> str:
    """Return an address as SMTP takes it, its domain in A-labels (RFC 5890 section 2.3.2.1).

    Its local part is left as it is: one that is not ASCII needs a server with SMTPUTF8 (RFC 6531).

    Raises:
        ValueError: it cannot be written so.

    """
    local, _, domain = address.rpartition("@")
    name = domain if domain.isascii() else domain_names.to_ascii(domain)
    too_long = len(local) + len(name) >= MAX or any(len(label) > 63 for label in name.split("."))
    if not local or not name or too_long:
        raise ValueError("is not an e-mail address")
    return f"{local}@{name}"
