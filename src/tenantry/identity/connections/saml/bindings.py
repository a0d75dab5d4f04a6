"""How messages travel: in an address (HTTP-Redirect) or in a form (HTTP-POST) (Bindings 3.4, 3.5).

The endpoint writes and reads a form's fields: `SAMLRequest` or `SAMLResponse`, `RelayState`.
"""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_plus

from tenantry.identity.connections.saml import faults, parsing, signatures
from tenantry.identity.connections.saml.faults import SAMLError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography import x509
    from lxml.etree import _Element

    from tenantry.identity.connections.saml.certificates import SigningPair

REQUEST, RESPONSE = "SAMLRequest", "SAMLResponse"
_DEFLATE = "urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE"
_SIGNED = ("RelayState", "SigAlg")  # after the message, in this order (Bindings 3.4.4.1)


@dataclass(frozen=True, slots=True)
class Query:
    """The parameters of a redirect; `octets` are those signed, encoded as they came."""

    message: bytes
    relay_state: str | None
    octets: bytes
    sig_alg: str | None
    signature: str | None

    def verify(self, certificates: Sequence[x509.Certificate], *, sha1: bool) -> None:
        """Hold the query to its signature, which must be there."""
        if self.sig_alg is None or self.signature is None:
            raise SAMLError(faults.UNSIGNED, element="query")
        signatures.verify_octets(
            self.octets,
            method=self.sig_alg,
            signature=self.signature,
            certificates=certificates,
            sha1=sha1,
        )


def redirect(
    url: str,
    parameter: str,
    message: _Element,
    *,
    relay_state: str | None,
    pair: SigningPair | None,
    login_hint: str = "",
) -> str:
    """Return the address that brings a message to `url`, signed over its query with `pair`.

    SAML has no `login_hint`; Entra ID, Okta and others take one beside the message. It stands
    behind the signature, which is over the parameters of SAML alone (Bindings 3.4.4.1).
    """
    deflated = zlib.compress(parsing.serialize(message), wbits=-zlib.MAX_WBITS)
    query = f"{parameter}={quote(base64.b64encode(deflated), safe='')}"
    if relay_state:
        query += f"&RelayState={quote(relay_state, safe='')}"
    if pair:
        query += f"&SigAlg={quote(signatures.RSA_SHA256, safe='')}"
        signature = signatures.sign_octets(query.encode(), pair)
        query += f"&Signature={quote(signature, safe='')}"
    if login_hint:
        query += f"&login_hint={quote(login_hint, safe='')}"
    return f"{url}{'&' if '?' in url else '?'}{query}"


def form_value(message: _Element, *, pair: SigningPair | None) -> str:
    """Return a message as a field of a form holds it, with a signature in it by `pair`."""
    signed = signatures.sign(message, pair) if pair else message
    return base64.b64encode(parsing.serialize(signed)).decode()


def read_query(query: str, parameter: str) -> Query:
    """Read a redirect's raw query: the message is there, and no parameter twice.

    The signature is over the octets as they came (Bindings 3.4.4.1): other software encodes other
    characters, so nothing is encoded again.
    """
    raw: dict[str, str] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if name in raw:
            raise SAMLError(faults.PARAMETER, name=name)
        raw[name] = value
    plain = {name: unquote_plus(value) for name, value in raw.items()}
    if plain.get("SAMLEncoding", _DEFLATE) != _DEFLATE:
        raise SAMLError(faults.PARAMETER, name="SAMLEncoding")
    signed = [f"{name}={raw[name]}" for name in (parameter, *_SIGNED) if name in raw]
    return Query(
        message=parsing.inflate(parameter, parsing.decode(parameter, plain.get(parameter, ""))),
        relay_state=plain.get("RelayState"),
        octets="&".join(signed).encode(errors="replace"),
        sig_alg=plain.get("SigAlg"),
        signature=plain.get("Signature"),
    )
