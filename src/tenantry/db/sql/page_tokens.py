"""Page tokens: opaque, bound to the filter of the list they came from, refused if changed."""

from __future__ import annotations

import base64
import binascii
import hmac
import json

from tenantry.core import errors

_MAC = 12  # bytes
# Of a token with a total, so that a process of a former version refuses it as one of another list.
_COUNTED = "\x1fcounted"
_EVERY = "\x1fevery"  # the listing of `last`: no list has this name


class PageTokens:
    """Encodes where a page of a list starts; lists page by key, never by offset."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def encode(self, listing: str, *, backward: bool, id_: str, total: int | None = None) -> str:
        """Return the token of the page behind (or, backward, before) the row of this id.

        ``listing`` says which list with which filter: the token opens no other. ``total`` goes
        with it where the next page need not count the list again.
        """
        content = [int(backward), id_, *([] if total is None else [total])]
        payload = json.dumps(content, separators=(",", ":")).encode()
        named = listing if total is None else listing + _COUNTED
        return _encoded(self._mac(named, payload) + payload)

    @property
    def last(self) -> str:
        """The token of the last page of any list, which `pages.position` accepts."""
        return self.encode(_EVERY, backward=True, id_="")

    def decode(self, listing: str, token: str) -> tuple[bool, str, int | None]:
        """Return (backward, id, total) of a token."""
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        mac, payload = raw[:_MAC], raw[_MAC:]
        if (
            _encoded(raw) != token  # the last character has bits that mean nothing
            or not payload
            or not any(
                hmac.compare_digest(mac, self._mac(named, payload))
                for named in (listing, listing + _COUNTED)
            )
        ):
            raise errors.InvalidArgument.field(
                "page_token", "page_token", "is not a page token of this list and filter"
            )
        backward, id_, *total = json.loads(payload)
        return bool(backward), id_, total[0] if total else None

    def _mac(self, listing: str, payload: bytes) -> bytes:
        text = listing.encode()
        return hmac.digest(self._key, len(text).to_bytes(4, "big") + text + payload, "sha256")[
            :_MAC
        ]


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
