"""The HTTP routes of uploaded pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.call import Call
from tenantry.core import errors
from tenantry.core.caller import ANONYMOUS
from tenantry.net.http import Response, Route
from tenantry.tenants.branding import assets, pictures

if TYPE_CHECKING:
    from tenantry.app_context import AppContext
    from tenantry.net.http import Request

# A name never means another picture. Pages of others, such as a reader of mail, may show it.
_HEADERS = {
    "cache-control": "public, max-age=31536000, immutable",
    "content-security-policy": "default-src 'none'; sandbox",
    "cross-origin-resource-policy": "cross-origin",
    "content-disposition": "inline",
}


def routes(context: AppContext) -> list[Route]:
    async def show(request: Request) -> Response:
        """Answer with a picture."""
        name = request.params["name"]
        tag = f'"{name}"'
        if request.headers.get("if-none-match") == tag:
            return Response(304, b"", {**_HEADERS, "etag": tag})
        found = await assets.find(context.db, name)
        if found is None:
            raise errors.NotFound("asset")
        headers = {**_HEADERS, "etag": tag, "content-type": found.media_type}
        return Response(200, found.content, headers)

    async def take(request: Request) -> Response:
        """Keep a picture: the address of its upload is all that it takes."""
        call = Call(ANONYMOUS, context.db, request.request_id, origin=request.origin)
        path = await assets.take(
            call,
            request.params["token"],
            request.body,
            request.media_type,
            given=context.effective.given,
        )
        return Response.json({"url": f"{context.settings.public_url}{path}"}, 201)

    upload = f"{assets.PATH}uploads/{{token}}"
    return [
        Route("GET", f"{assets.PATH}{{name}}", show),
        *(Route(verb, upload, take, body_limit=pictures.MAX_BYTES) for verb in ("PUT", "POST")),
    ]
