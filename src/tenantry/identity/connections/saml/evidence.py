"""How a response was made and proved, for the log of sign-ins: no value of a person's.

Names of attributes, and never what they say; neither the NameID nor the session index. Of a
response that is refused nothing may be proved: then its facts are its own word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.identity.connections.saml import parsing
from tenantry.identity.connections.saml.names import DS, SAML

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lxml.etree import _Element

    from tenantry.identity.connections.saml.signatures import Signature

_AUDIENCES = f"{SAML}Conditions/{SAML}AudienceRestriction/{SAML}Audience"
_CONFIRMATIONS = f"{SAML}Subject/{SAML}SubjectConfirmation/{SAML}SubjectConfirmationData"
_ATTRIBUTES = f"{SAML}AttributeStatement/{SAML}Attribute"
_TIMES = {
    "issued": (".", "IssueInstant"),
    "not_before": (f"{SAML}Conditions", "NotBefore"),
    "not_on_or_after": (f"{SAML}Conditions", "NotOnOrAfter"),
    "authn_instant": (f"{SAML}AuthnStatement", "AuthnInstant"),
}


def of(
    root: _Element,
    assertion: _Element | None,
    proofs: Sequence[Signature],
    *,
    name_id_format: str | None = None,
) -> dict[str, Any]:
    """Return the facts of a response; times as they came, certificates by SHA-256.

    ``assertion`` is None where there was none, or none that could be decrypted. The signatures of
    ``proofs`` have been verified, and no others. An encrypted NameID hides its ``name_id_format``.
    """
    facts: dict[str, Any] = {
        "issuer": parsing.text(root.find(f"{SAML}Issuer")),
        "destination": root.get("Destination"),
        "issued": root.get("IssueInstant"),
        "signatures": [
            *(f"{one.element}: {one.method}, {one.digest}, by {one.fingerprint}" for one in proofs),
            *_unproved([root] if assertion is None else [root, assertion], proofs),
        ],
    }
    if assertion is None:
        return facts
    for name, (path, attribute) in _TIMES.items():
        element = assertion if path == "." else assertion.find(path)
        if element is not None and (said := element.get(attribute)):
            facts[name] = said
    name_id = assertion.find(f"{SAML}Subject/{SAML}NameID")
    names = {one.get("Name", "") for one in assertion.iterfind(_ATTRIBUTES)}
    return {
        **facts,
        "issuer": parsing.text(assertion.find(f"{SAML}Issuer")) or facts["issuer"],
        "audience": [parsing.text(one) for one in assertion.iterfind(_AUDIENCES)],
        "recipient": [one.get("Recipient", "") for one in assertion.iterfind(_CONFIRMATIONS)],
        "name_id_format": name_id_format if name_id is None else name_id.get("Format"),
        "attributes": sorted(names),
    }


def _unproved(elements: Iterable[_Element], proofs: Sequence[Signature]) -> Iterator[str]:
    """Yield the signatures that elements hold, of those elements that none was verified of."""
    proved = {one.element for one in proofs}
    for element in elements:
        name = parsing.local(element.tag)
        for signature in [] if name in proved else element.findall(f"{DS}Signature"):
            algorithms = [
                found.get("Algorithm", "").rpartition("#")[2]
                for tag in ("SignatureMethod", "DigestMethod")
                if (found := next(signature.iter(f"{DS}{tag}"), None)) is not None
            ]
            yield f"{name}: {', '.join([*algorithms, 'not verified'])}"
