"""An identity provider that answers the requests of a running server, by either binding."""

from __future__ import annotations

import base64
import html
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from apis import unique
from connections_of_tests import connection
from lxml import etree
from saml_provider import GOOD, IDP, NAMESPACES, Provider, form, pair

from tenantry.core.times import MINUTE, now
from tenantry.identity.connections import model
from tenantry.identity.connections.saml.certificates import base64_of

if TYPE_CHECKING:
    from hosted import Deployment, Visitor

SSO_URL = "https://idp.test/sso?tenant=7"
SLO_URL = "https://idp.test/slo"


def settings(**more: Any) -> dict[str, Any]:
    """The settings of a connection to this provider."""
    return {
        "idp_entity_id": IDP,
        "idp_sso_url": SSO_URL,
        "idp_slo_url": SLO_URL,
        "idp_certificates": [{"id": "1", "certificate": base64_of(pair("idp").certificate)}],
        **more,
    }


async def saml_connection(place: Deployment, *, members: dict[str, Any] | None = None, **more: Any):
    """A connection to it that serves."""
    return await connection(place, model.SAML, settings=settings(**more), **(members or {}))


@dataclass(frozen=True)
class Asked:
    """A message that a browser was sent with to the provider."""

    url: str
    root: Any  # its element
    relay_state: str
    query: dict[str, str]  # of a redirect; empty for a form

    @property
    def id(self) -> str:
        return self.root.get("ID")


def asked(sent: Any, name: str = "SAMLRequest") -> Asked:
    """Read the answer that sends a browser to the provider, a redirect or a form."""
    if sent.status_code == 303:
        url = urlsplit(sent.headers["location"])
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        plain = zlib.decompress(base64.b64decode(query[name]), -15)
        return Asked(
            sent.headers["location"], etree.fromstring(plain), query.get("RelayState", ""), query
        )
    assert sent.status_code == 200, sent.text
    action = html.unescape(re.findall(r'action="([^"]+)"', sent.text)[0])
    fields = {
        name: html.unescape(value)
        for name, value in re.findall(r'name="([^"]+)" value="([^"]*)"', sent.text)
    }
    plain = base64.b64decode(fields[name])
    return Asked(action, etree.fromstring(plain), fields.get("RelayState", ""), {})


def provider(place: Deployment, conn: Any, request: Asked | None, good: str = "assertion signed"):
    """The provider's good response to a request, or one that it begins itself."""
    at, base = now(), f"{place.server.url}/sso/v1/saml/{conn.id}"
    answers = None if request is None else request.id
    return GOOD[good].but(
        destination=f"{base}/callback",
        recipient=f"{base}/callback",
        audience=base,
        answers=answers,
        confirms=answers,
        issue_instant=at,
        not_before=at - MINUTE,
        not_on_or_after=at + 5 * MINUTE,
        confirmed_until=at + 5 * MINUTE,
        template=fresh(GOOD[good].template),
    )


def fresh(template: str) -> str:
    """A template whose assertion has an ID of its own."""
    return template.replace('ID="_assertion"', f'ID="{unique("_a")}"')


async def post(
    visitor: Visitor, conn: Any, response: Provider | bytes | str, relay_state: str | None
) -> Any:
    """Send a response as the provider's page has the browser do: from elsewhere, cookies left."""
    xml = response.xml() if isinstance(response, Provider) else response
    fields = {"SAMLResponse": form(xml) if isinstance(xml, bytes) else xml}
    if relay_state is not None:
        fields["RelayState"] = relay_state
    return await visitor.http.post(
        f"/sso/v1/saml/{conn.id}/callback",
        data=fields,
        headers={
            "origin": "https://idp.test",
            "sec-fetch-site": "cross-site",
            "accept": "text/html",
            "accept-language": "en",
        },
    )


def text_of(root: Any, path: str) -> str:
    return root.findtext(path, namespaces=NAMESPACES)
