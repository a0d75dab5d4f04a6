"""The documents by which the service describes itself (RFC 7644 section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.endpoints.scim.answers import list_of
from tenantry.endpoints.scim.asking import DEFAULT_COUNT, MOST_COUNT
from tenantry.endpoints.scim.bulk import MOST_OPERATIONS
from tenantry.net.http import MAX_BODY
from tenantry.tenants.directories.scim import discovery
from tenantry.tenants.directories.scim.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.endpoints.scim.exchanges import Exchange

NAMES = _CONFIG, _TYPES, _SCHEMAS = "serviceproviderconfig", "resourcetypes", "schemas"


def has(name: str) -> bool:
    """Whether there are documents below this name, which is in lower case."""
    return name in {_CONFIG, _TYPES, _SCHEMAS}


def document(
    x: Exchange, name: str, rest: Sequence[str], documentation: str, *, is_modular: bool
) -> dict[str, Any]:
    """Return the document below a name, or the list of all of them."""
    if "filter" in x.parameters:
        raise Fault(403, "", f"/{name} takes no filter.")
    if name == _CONFIG and not rest:
        return discovery.service_provider_config(
            x.base,
            documentation=documentation,
            most_results=MOST_COUNT,
            bulk_operations=MOST_OPERATIONS,
            bulk_bytes=MAX_BODY,
            page_size=DEFAULT_COUNT,
        )
    if name == _CONFIG or len(rest) > 1:
        raise Fault(404, "", "There is nothing at this path.")
    if name == _TYPES:
        documents = discovery.resource_types(x.base, x.custom)
    else:
        documents = discovery.schemas(x.base, x.custom, accounts=not is_modular)
    if not rest:
        return list_of(documents, len(documents))
    found = next((one for one in documents if one["id"].lower() == rest[0].lower()), None)
    if found is None:
        raise Fault(404, "", f"{rest[0][:100]} not found.")
    return found
