"""Pages in gzip, where nothing in them is somebody's guess at the rest (decision 0030).

The length of a compressed page tells whether a text that a stranger put into it is there twice: so
a page is only compressed where the page repeats no value of its request.
"""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

from tenantry.web.assets import takes_gzip

if TYPE_CHECKING:
    from tenantry.net.http import Request, Response

LEAST = 1000  # bytes: less is one packet in any case
_LEVEL = 5  # a tenth of a millisecond for 20 KB; the highest takes longer and saves 1%


def compress(request: Request, response: Response) -> None:
    """Compress a page that may be, for a client that takes gzip (RFC 9110 section 8.4.1.3)."""
    if request.verb not in {"GET", "HEAD"} or request.query or response.status != 200:
        return
    if len(response.body) < LEAST:
        return
    response.headers["vary"] = "accept-encoding"
    if takes_gzip(request.headers.get("accept-encoding", "")):
        response.body = gzip.compress(response.body, _LEVEL, mtime=0)
        response.headers["content-encoding"] = "gzip"
