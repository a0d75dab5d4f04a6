"""The cookie that a browser is known by: a secret for each person that has signed in there.

A person is known by a secret that was made for them alone, at a sign-in of theirs. So a planted
cookie makes a browser known as one of its planter, and of nobody else.
"""

from __future__ import annotations

from tenantry.net.http import Cookie, cookie

NAME = "tenantry_device"
MOST_SECRETS = 8  # of people that share a browser; the one with the oldest sign-in is forgotten
_LENGTH = 43  # of a secret, in base64
_SEPARATOR = "."
_SECONDS = 400 * 24 * 3600  # as long as browsers keep one (RFC 6265bis section 5.5)


def read(cookies: str) -> tuple[str, ...]:
    """Return the secrets that a Cookie header holds."""
    value = cookie(cookies, f"__Host-{NAME}") or cookie(cookies, NAME)
    given = value[: MOST_SECRETS * (_LENGTH + 1)].split(_SEPARATOR)
    return tuple(one for one in given if len(one) == _LENGTH and one.isascii())


def issue(public_url: str, secrets: tuple[str, ...]) -> str:
    """Return the value of Set-Cookie for these secrets."""
    return Cookie.of(public_url, NAME, seconds=_SECONDS).issue(_SEPARATOR.join(secrets))
