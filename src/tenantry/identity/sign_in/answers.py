"""How an answer is addressed to the application. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from tenantry.identity.sign_in.model import Answer

QUERY, FORM_POST = "query", "form_post"
RESPONSE_MODES = (QUERY, FORM_POST)


def location(answer: Answer) -> str:
    """Return the redirect_uri with the members of an answer in its query."""
    uri, query = answer.redirect_uri, urlencode(answer.members, quote_via=quote)
    mark = "&" if "?" in uri else "?"
    return f"{uri}{mark}{query}" if query else uri
