"""Metadata of an identity provider, on a page of this machine that a test can change."""

from __future__ import annotations

import asyncio
import functools
from typing import Any, Self

from aiohttp import web

from tenantry.core.times import DAY, now
from tenantry.identity.connections.saml import certificates

_METADATA = """\
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" \
xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="{entity_id}"{valid}>\
<md:IDPSSODescriptor WantAuthnRequestsSigned="{signed}" \
protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">{keys}\
<md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" \
Location="https://idp.example.com/slo"/>\
<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" \
Location="{sso_url}"/></md:IDPSSODescriptor></md:EntityDescriptor>"""
_KEY = """\
<md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{body}\
</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"""


@functools.cache
def certificate(name: str, days: float = 400) -> str:
    """A certificate in base64 that expires in so many days; the same one for the same name."""
    at = now()
    pair = certificates.make_signing_pair(name, not_before=at - DAY, not_after=at + int(days * DAY))
    return certificates.base64_of(pair.certificate)


def pem(body: str) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"


class MetadataPage:
    """One page; its members are its content."""

    def __init__(self) -> None:
        self.entity_id = "https://idp.example.com/entity"
        self.sso_url = "https://idp.example.com/sso"
        self.certificates = [certificate("idp")]
        self.signed = "false"
        self.valid_until = ""
        self.status = 200
        self.body: bytes | None = None
        self.asked = 0
        self.hold: asyncio.Event | None = None  # an answer waits for it
        self.came = asyncio.Event()  # once somebody has asked
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/metadata", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/metadata"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, _request: web.Request) -> web.Response:
        self.asked += 1
        self.came.set()
        if self.hold is not None:
            await self.hold.wait()
        return web.Response(status=self.status, body=self.xml if self.body is None else self.body)

    @property
    def xml(self) -> bytes:
        valid: Any = f' validUntil="{self.valid_until}"' if self.valid_until else ""
        return _METADATA.format(
            entity_id=self.entity_id,
            sso_url=self.sso_url,
            signed=self.signed,
            valid=valid,
            keys="".join(_KEY.format(body=body) for body in self.certificates),
        ).encode()
