"""The QR code and the key by which a user sets up an authenticator app."""

from __future__ import annotations

import io

from tenantry.net.http import Response
from tenantry.web.rendering import HEADERS

_GROUP = 4  # characters, so that users can type a key


def grouped(key: str) -> str:
    """Return a key in groups of four characters."""
    return " ".join(key[at : at + _GROUP] for at in range(0, len(key), _GROUP))


def picture(uri: str) -> Response:
    """Return the QR code of an `otpauth://` URI, in SVG."""
    import segno  # start time: most processes never need it

    written = io.BytesIO()
    code = segno.make(uri, error="m")
    code.save(written, kind="svg", scale=4, border=4, light="#fff", xmldecl=False)
    headers = {"content-type": "image/svg+xml", "content-security-policy": "default-src 'none'"}
    return Response(200, written.getvalue(), HEADERS | headers)
