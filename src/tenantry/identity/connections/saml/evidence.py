"""How an assertion was made and proved, for the log of sign-ins: no value of a person's.

Names of attributes, and never what they say; neither the NameID nor the session index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.identity.connections.saml import parsing
from tenantry.identity.connections.saml.names import SAML

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lxml.etree import _Element

    from tenantry.identity.connections.saml.signatures import Signature

_TIMES = {
    "issued": (".", "IssueInstant"),
    "not_before": (f"{SAML}Conditions", "NotBefore"),
    "not_on_or_after": (f"{SAML}Conditions", "NotOnOrAfter"),
    "authn_instant": (f"{SAML}AuthnStatement", "AuthnInstant"),
}


def of(
    assertion: _Element,
    *,
    name_id_format: str | None,
    attributes: Iterable[str],
    signatures: Sequence[Signature],
) -> dict[str, Any]:
    """Return the facts of a verified assertion; times as they came, certificates by SHA-256."""
    audiences = assertion.iterfind(
        f"{SAML}Conditions/{SAML}AudienceRestriction/{SAML}Audience",
    )
    times = {}
    for name, (path, attribute) in _TIMES.items():
        element = assertion if path == "." else assertion.find(path)
        if element is not None and (said := element.get(attribute)):
            times[name] = said
    return {
        "issuer": parsing.text(assertion.find(f"{SAML}Issuer")),
        "audience": [parsing.text(one) for one in audiences],
        "name_id_format": name_id_format or "",
        "signatures": [
            f"{one.element}: {one.method}, {one.digest}, by {one.fingerprint}" for one in signatures
        ],
        **times,
        "attributes": sorted(attributes),
    }
