"""The OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.1), made from the operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protobuf import DescFieldValueMessage

from tenantry.api.comments import comment
from tenantry.core.caller import Kind
from tenantry.endpoints.docs.reference import examples
from tenantry.endpoints.docs.reference.failures import EXAMPLE, EXAMPLE_STATUS, SCHEMA, failures
from tenantry.endpoints.docs.reference.languages import LANGUAGES, samples
from tenantry.endpoints.docs.reference.names import group_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.api.schemas import Schemas
    from tenantry.endpoints.docs.reference.operations import Body, Operation, Parameter

_ABOUT = """\
Organizations are the tenants of a B2B application. Users are their members. The API is \
compatible with the Scalekit API. Tenantry is an independent project, not affiliated with Scalekit.

Request and response bodies are JSON with field names in snake_case. Requests can also use \
camelCase. Requests with unknown fields are rejected. All operations are also available over \
gRPC, gRPC-Web and Connect. The reference is at `/docs`.
"""
_REQUEST_ID = {"$ref": "#/components/headers/RequestId"}
_JSON = "application/json"


def document(operations: Sequence[Operation], schemas: Schemas, public_url: str) -> dict[str, Any]:
    """Return the document of these operations."""
    paths: dict[str, Any] = {}
    for operation in operations:
        item = paths.setdefault(operation.path, {})
        item[operation.verb.lower()] = _operation(operation, schemas, public_url)
    tags = _tags(operations)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Tenantry API",
            "version": "v1",
            "summary": "Identity API for B2B applications.",
            "description": _ABOUT,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": public_url}],
        "security": [{"client": []}, {"token": []}],
        "tags": [
            *({"name": name, "description": text} for name, text in tags.items()),
            {"name": "OAuth", "description": "Access tokens and signing keys."},
        ],
        "paths": {**paths, **_OAUTH_PATHS},
        "components": {
            "securitySchemes": {
                "client": {
                    "type": "oauth2",
                    "description": "Access tokens of a management client, from its ID and secret.",
                    "flows": {
                        "clientCredentials": {
                            "tokenUrl": f"{public_url}/oauth/token",
                            "scopes": {},
                        }
                    },
                },
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An existing access token.",
                },
            },
            "headers": _HEADERS,
            "responses": _error_responses(),
            "schemas": {**dict(sorted(schemas.components.items())), "Error": SCHEMA},
        },
    }


def _tags(operations: Sequence[Operation]) -> dict[str, str]:
    """Return the groups with the comments of their services."""
    told: dict[str, list[str]] = {}
    for operation in operations:
        group, service = group_of(operation.method), operation.method.service
        texts = told.setdefault(group.name, [group.about] if group.about else [])
        whole = service.rpartition(".")[2] in group.services
        if not group.about and whole and comment(service) not in texts:
            texts.append(comment(service))
    return {name: "\n\n".join(texts) for name, texts in told.items()}


def _operation(operation: Operation, schemas: Schemas, public_url: str) -> dict[str, Any]:
    method = operation.method
    told: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": f"{operation.description}\n\n{access(operation)}",
    }
    if operation.deprecated:
        told["deprecated"] = True
    if parameters := [_parameter(p, operation) for p in operation.parameters]:
        told["parameters"] = parameters
    if operation.body is not None:
        told["requestBody"] = _request_body(operation.body, schemas, public_url)
    told["responses"] = {
        str(method.success_status): _success(operation, schemas, public_url),
        **{str(s): {"$ref": f"#/components/responses/Error{s}"} for s in operation.statuses},
        "default": {"$ref": "#/components/responses/Error"},
    }
    told["x-codeSamples"] = [
        {"lang": language.lang, "label": language.label, "source": found}
        for language in LANGUAGES
        if (found := samples(method.name).get(language.key))
    ]
    return told


def access(operation: Operation) -> str:
    """Describe the callers, their credentials, and the fields that they can send."""
    callers = " or ".join(_article(words) for words in operation.callers) or "no caller"
    method = operation.method
    told = f"Can be called by {callers}."
    if rights := dict.fromkeys((*method.permissions, *method.scopes)):
        needed = " or ".join(f"`{name}`" for name in rights)
        told += f" Requires the permission {needed}, unless the caller has all permissions."
    if method.feature:
        told += f" Users and the admin portal require the organization's feature `{method.feature}`"
        told += " for some objects." if method.feature_by_object else "."
    sent = method.fields.get(Kind.USER_SESSION)
    if sent is None:
        return told
    told += " Users authenticate with their session cookie, on pages of this server"
    if method.token and method.own:
        told += ", or with their access token"
    elif method.token:
        told += (
            ", or with an access token that has the issuer in `aud` and the permission in its scope"
        )
    told += "."
    whole = {field.name for field in method.input.desc().fields}
    if any("." in path and path.partition(".")[0] in whole for path in sent):
        names = ", ".join(f"`{path}`" for path in sent)
        told += f" Users can send only {names}."
    return told


def _article(words: str) -> str:
    if words == "anyone":
        return words
    return f"an {words}" if words[0] in "aeiou" else f"a {words}"


def _parameter(parameter: Parameter, operation: Operation) -> dict[str, Any]:
    member, schema = parameter.member, dict(parameter.schema)
    told: dict[str, Any] = {
        "name": member.name.removesuffix(".*"),
        "in": parameter.place,
        "required": member.required,
        "description": schema.pop("description", member.description),
    }
    if schema.pop("deprecated", False):
        told["deprecated"] = True
    if "example" in schema:
        told["example"] = schema.pop("example")
    else:
        fields = {f.name: f for f in operation.method.input.desc().fields}
        if member.name in fields and not member.deprecated:
            example = examples.value(fields[member.name])
            told |= {"example": example} if example != "" else {}
    if parameter.explode:
        # Repeated, or for an object: each of its members by its own name.
        told |= {"style": "form", "explode": True}
    told["schema"] = schema
    return told


def _request_body(body: Body, schemas: Schemas, public_url: str) -> dict[str, Any]:
    example: Any
    if body.listed:
        schema, example = schemas.asked(body.listed), examples.value(body.listed, public_url)
    else:
        example = examples.request(body.message, body.without, public_url)
        schema = (
            schemas.request_object(body.message, body.without)
            if body.without
            else schemas.request(body.message)
        )
    return {
        "required": body.required,
        "content": {_JSON: {"schema": schema, "example": example}},
    }


def _success(operation: Operation, schemas: Schemas, public_url: str) -> dict[str, Any]:
    method = operation.method
    schema = schemas.response(method.output.desc())
    if method.flatten:
        field = next(f for f in method.output.desc().fields if f.name == method.flatten)
        assert isinstance(field.value, DescFieldValueMessage)
        schema = {
            "description": f"The object, and a copy of it under `{method.flatten}`.",
            "allOf": [schemas.response(field.value.message), schema],
            "required": [method.flatten],
        }
    headers: dict[str, Any] = {"x-request-id": _REQUEST_ID}
    if operation.etag:
        headers["ETag"] = {"$ref": "#/components/headers/ETag"}
    return {
        "description": "Success." if not operation.answer else "Response.",
        "headers": headers,
        "content": {
            _JSON: {"schema": schema, "example": examples.answer(method, public_url)},
        },
    }


def _error_responses() -> dict[str, Any]:
    meanings: dict[int, list[str]] = {}
    for failure in failures():
        for meaning in failure.meanings:
            meanings.setdefault(failure.status, []).append(f"`{failure.error_code}`: {meaning}")
    responses = {f"Error{code}": _error("\n\n".join(told)) for code, told in meanings.items()}
    responses["Error"] = _error("Any other error, in the same format.")
    responses[f"Error{EXAMPLE_STATUS}"]["content"][_JSON]["example"] = EXAMPLE
    return responses


def _error(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "headers": {"x-request-id": _REQUEST_ID},
        "content": {_JSON: {"schema": {"$ref": "#/components/schemas/Error"}}},
    }


_HEADERS = {
    "RequestId": {
        "description": "ID of the request, as in the server log.",
        "schema": {"type": "string"},
    },
    "ETag": {
        "description": "Revision of the object. Send it as `If-Match` to update only this one.",
        "schema": {"type": "string", "pattern": '^"[0-9]+"$'},
    },
}

_OAUTH_ERROR = {
    "description": "OAuth error (RFC 6749 section 5.2).",
    "content": {
        _JSON: {
            "schema": {
                "type": "object",
                "required": ["error", "error_description"],
                "properties": {
                    "error": {"type": "string"},
                    "error_description": {"type": "string"},
                },
            }
        }
    },
}
# Credentials of a client: one of these, or HTTP Basic (RFC 6749 section 2.3, RFC 7523).
_CLIENT = {
    "client_id": {"type": "string"},
    "client_secret": {"type": "string"},
    "client_assertion_type": {"const": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
    "client_assertion": {"type": "string"},
}


def _oauth(
    operation: str,
    summary: str,
    description: str,
    *,
    asked: dict[str, Any],
    answered: dict[str, Any] | None,
) -> dict[str, Any]:
    """Describe an endpoint that accepts a form with client credentials."""
    name, *_ = asked  # the first is required
    form = {"type": "object", "required": [name], "properties": {**asked, **_CLIENT}}
    found: dict[str, Any] = {"description": "Success."}
    if answered is not None:
        found = {"description": "Response.", "content": {_JSON: {"schema": answered}}}
    return {
        "post": {
            "operationId": operation,
            "tags": ["OAuth"],
            "summary": summary,
            "description": f"{description} The client sends its ID and secret in the form or with "
            "HTTP Basic, or an assertion instead of the secret.",
            "security": [],
            "requestBody": {
                "required": True,
                "content": {"application/x-www-form-urlencoded": {"schema": form}},
            },
            "responses": {
                "200": found,
                "400": _OAUTH_ERROR,
                "401": _OAUTH_ERROR,
                "default": {"$ref": "#/components/responses/Error"},
            },
        }
    }


_OAUTH_PATHS = {
    "/oauth/token": _oauth(
        "Token",
        "Issues an access token to a client",
        "Without `scope`, the token has all scopes of the client.",
        asked={"grant_type": {"const": "client_credentials"}, "scope": {"type": "string"}},
        answered={
            "type": "object",
            "required": ["access_token", "token_type", "expires_in"],
            "properties": {
                "access_token": {"type": "string"},
                "token_type": {"const": "Bearer"},
                "expires_in": {"type": "integer", "description": "Lifetime in seconds."},
                "scope": {"type": "string"},
            },
        },
    ),
    "/oauth/introspect": _oauth(
        "Introspect",
        "Returns whether a token is active, and its claims (RFC 7662)",
        "Accepts access tokens and API keys. Tokens that the client may not introspect are "
        "reported as not active.",
        asked={"token": {"type": "string"}},
        answered={
            "type": "object",
            "required": ["active"],
            "properties": {"active": {"type": "boolean"}},
        },
    ),
    "/oauth/revoke": _oauth(
        "Revoke",
        "Revokes a token (RFC 7009)",
        "Unknown, expired and already revoked tokens are not an error.",
        asked={"token": {"type": "string"}},
        answered=None,
    ),
    "/keys": {
        "get": {
            "operationId": "Keys",
            "tags": ["OAuth"],
            "summary": "Returns the public keys that access tokens are signed with",
            "security": [],
            "responses": {
                "200": {
                    "description": "A JSON Web Key Set (RFC 7517).",
                    "content": {
                        _JSON: {
                            "schema": {
                                "type": "object",
                                "required": ["keys"],
                                "properties": {
                                    "keys": {
                                        "type": "array",
                                        "items": {"type": "object", "required": ["kid", "kty"]},
                                    }
                                },
                            }
                        }
                    },
                },
                "default": {"$ref": "#/components/responses/Error"},
            },
        }
    },
}
