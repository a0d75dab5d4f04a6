"""The documents by which a service describes itself (RFC 7643 sections 5 to 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.tenants.directories.scim.schemas import ENTERPRISE, GROUP, USER, Attribute, Schema

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_CORE = "urn:ietf:params:scim:schemas:core:2.0:"


def service_provider_config(
    base: str,
    *,
    documentation: str,
    most_results: int,
    bulk_operations: int,
    bulk_bytes: int,
    page_size: int,
) -> dict[str, Any]:
    """Return the document at /ServiceProviderConfig (section 5; RFC 9865 section 3).

    ``base`` is the address of the service; ``page_size`` is the usual count of a page.
    """
    return {
        "schemas": [f"{_CORE}ServiceProviderConfig"],
        "documentationUri": documentation,
        "patch": {"supported": True},
        "bulk": {"supported": True, "maxOperations": bulk_operations, "maxPayloadSize": bulk_bytes},
        "filter": {"supported": True, "maxResults": most_results},
        "changePassword": {"supported": False},
        "sort": {"supported": True},
        "etag": {"supported": True},
        "pagination": {
            "cursor": True,
            "index": True,
            "defaultPaginationMethod": "index",
            "defaultPageSize": page_size,
            "maxPageSize": most_results,
        },
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "Bearer token",
                "description": "The directory's secret in the Authorization header.",
                "specUri": "https://www.rfc-editor.org/rfc/rfc6750",
                "documentationUri": documentation,
                "primary": True,
            }
        ],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": f"{base}/ServiceProviderConfig",
        },
    }


def resource_types(base: str, custom: Schema | None = None) -> list[dict[str, Any]]:
    """Return the documents at /ResourceTypes (section 6), those of User and Group."""
    extensions = [ENTERPRISE, *([custom] if custom and custom.attributes else [])]
    return [
        _resource_type(base, USER, "/Users", extensions),
        _resource_type(base, GROUP, "/Groups", []),
    ]


def _resource_type(
    base: str, schema: Schema, endpoint: str, extensions: Iterable[Schema]
) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "schemas": [f"{_CORE}ResourceType"],
        "id": schema.name,
        "name": schema.name,
        "endpoint": endpoint,
        "description": schema.description,
        "schema": schema.id,
    }
    if extensions:
        shown["schemaExtensions"] = [{"schema": one.id, "required": False} for one in extensions]
    location = f"{base}/ResourceTypes/{schema.name}"
    return shown | {"meta": {"resourceType": "ResourceType", "location": location}}


def schemas(
    base: str, custom: Schema | None = None, *, accounts: bool = True
) -> list[dict[str, Any]]:
    """Return the documents at /Schemas (section 7).

    With ``accounts`` each user gets an account, which is identified by an email address.
    """
    required = {"emails", "emails.value"} if accounts else set()
    known = [USER, GROUP, ENTERPRISE, *([custom] if custom and custom.attributes else [])]
    return [
        {
            "schemas": [f"{_CORE}Schema"],
            "id": one.id,
            "name": one.name,
            "description": one.description,
            "attributes": [
                _attribute(attribute, attribute.name, required if one is USER else ())
                for attribute in one.attributes
            ],
            "meta": {"resourceType": "Schema", "location": f"{base}/Schemas/{one.id}"},
        }
        for one in known
    ]


def _attribute(one: Attribute, path: str, required: Collection[str]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "name": one.name,
        "type": "complex" if one.type == "any" else one.type,
        "multiValued": one.multi_valued,
        "description": one.description,
        "required": one.required or path in required,
        "caseExact": one.case_exact,
        "mutability": one.mutability,
        "returned": one.returned,
        "uniqueness": one.uniqueness,
    }
    if one.canonical_values:
        shown["canonicalValues"] = list(one.canonical_values)
    if one.type == "reference":
        shown["referenceTypes"] = list(one.reference_types)
    if one.sub_attributes:
        shown["subAttributes"] = [
            _attribute(sub, f"{path}.{sub.name}", required) for sub in one.sub_attributes
        ]
    return shown
