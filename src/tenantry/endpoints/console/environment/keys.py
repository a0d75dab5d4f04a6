"""The keys that sign tokens, and our key pairs for SAML."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tenantry.endpoints.console import forms
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit
from tenantry.gen.scalekit.v1.environments.environments_pb import GenerateSamlCertificateRequest
from tenantry.gen.tenantry.v1.saml_key_pairs_pb import ListSamlKeyPairsRequest
from tenantry.gen.tenantry.v1.signing_keys_pb import (
    ListSigningKeysRequest,
    RotateSigningKeysRequest,
)
from tenantry.identity.operators.model import OWNER

if TYPE_CHECKING:
    from tenantry.gen.tenantry.v1.saml_key_pairs_pb import SamlKeyPair
    from tenantry.net.http import Response


def pages(site: ConsoleSite) -> list[Page]:
    keys = _Keys(site)
    return [
        Page("GET", "/keys", keys.show),
        Page("POST", "/keys/rotate", keys.rotate, role=OWNER),
        Page("POST", "/keys/saml", keys.generate, role=OWNER),
    ]


class _Keys:
    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def show(self, visit: Visit) -> Response:
        keys = await visit.api.signing_keys.list_signing_keys(ListSigningKeysRequest())
        pairs = await visit.api.saml_key_pairs.list_saml_key_pairs(ListSamlKeyPairsRequest())
        return self._site.render(
            visit,
            "keys",
            "keys.html",
            keys=keys.keys,
            pairs=[(pair, _days_left(pair)) for pair in pairs.key_pairs],
            owns=visit.has_role(OWNER),
        )

    async def rotate(self, visit: Visit) -> Response:
        """Sign with the next keys."""
        call = visit.api.signing_keys.rotate_signing_keys(RotateSigningKeysRequest())
        return await forms.send(self._site, visit, call, visit.path("keys"), "rotated")

    async def generate(self, visit: Visit) -> Response:
        """Make the next key pair for SAML."""
        request = GenerateSamlCertificateRequest(id=visit.call.db.environment_id)
        call = visit.api.environments.generate_new_saml_certificate(request)
        return await forms.send(self._site, visit, call, visit.path("keys"), "generated")


def _days_left(pair: SamlKeyPair) -> int:
    assert pair.expire_time is not None
    return (pair.expire_time.to_datetime() - datetime.now(UTC)).days
