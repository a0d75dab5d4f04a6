"""The parameters of a request that a browser brings, in its query or in a form (pure functions)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from tenantry.core import errors, urlencoded

if TYPE_CHECKING:
    from tenantry.net.http import Request

MOST = 50  # parameters of a request
MAX_CHARACTERS = 20_000  # of a form that goes on as a query: servers take no longer address
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Parameters:
    """Parameters of a request: of each name its first value, and names that came more than once.

    One without a value counts as left out (RFC 6749 section 3.1).
    """

    first: dict[str, str]
    repeated: frozenset[str]

    def get(self, name: str) -> str | None:
        """Return the value of a parameter, None without it."""
        return self.first.get(name)

    def without(self, name: str) -> Parameters:
        """Return all but the parameter of this name."""
        rest = {other: value for other, value in self.first.items() if other != name}
        return Parameters(rest, self.repeated - {name})


def of_query(request: Request) -> Parameters:
    """Return the parameters of a query."""
    return _read(request.query.encode("latin-1"))


def of_form(request: Request) -> Parameters:
    """Return the parameters of a form."""
    if request.media_type != _FORM:
        raise errors.UnsupportedMediaType(f"content-type must be {_FORM}")
    return _read(request.body)


def as_query(parameters: Parameters, path: str) -> str:
    """Return the address that asks by GET what a form asked for.

    A form that another site's page posts comes without our cookies (SameSite), a redirect that
    follows it has them.
    """
    pairs = list(parameters.first.items())
    # So that a faulty value stays faulty.
    pairs += [(name, parameters.first[name]) for name in sorted(parameters.repeated)]
    location = f"{path}?{urlencode(pairs, quote_via=quote)}"
    if len(location) > MAX_CHARACTERS:
        raise errors.InvalidArgument(f"the form has more than {MAX_CHARACTERS} characters")
    return location


def _read(text: bytes) -> Parameters:
    try:
        pairs = urlencoded.members(text.decode(), most=MOST)
    except ValueError:
        raise errors.InvalidArgument(f"the parameters are not UTF-8, or more than {MOST}") from None
    first: dict[str, str] = {}
    repeated = set()
    for name, value in pairs:
        if not value:
            continue  # as one that was left out (RFC 6749 section 3.1)
        if name in first:
            repeated.add(name)
        else:
            first[name] = value
    return Parameters(first, frozenset(repeated))
