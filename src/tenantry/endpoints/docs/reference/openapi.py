"""The OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.1), made from the operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protobuf import DescFieldValueMessage

from tenantry.core.caller import Kind
from tenantry.endpoints.docs.reference import examples
from tenantry.endpoints.docs.reference.comments import comment
from tenantry.endpoints.docs.reference.failures import EXAMPLE, EXAMPLE_STATUS, SCHEMA, failures
from tenantry.endpoints.docs.reference.languages import LANGUAGES, samples
from tenantry.endpoints.docs.reference.names import group_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.endpoints.docs.reference.operations import Body, Operation, Parameter
    from tenantry.endpoints.docs.reference.schemas import Schemas

_ABOUT = """\
Organizations are the tenants of a B2B application, users the people in them. This server is \
compatible with the Scalekit API; it is an independent project and not affiliated with Scalekit.

Bodies are JSON in snake_case (camelCase is read as well); a member that an operation does not \
know is refused. The same operations are served over gRPC, gRPC-Web and Connect. The human form \
of this document is at `/docs`.
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
            "summary": "Organizations and what belongs to them.",
            "description": _ABOUT,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": public_url}],
        "security": [{"client": []}, {"token": []}],
        "tags": [
            *({"name": name, "description": text} for name, text in tags.items()),
            {"name": "OAuth", "description": "Access tokens and the keys that prove them."},
        ],
        "paths": {**paths, **_OAUTH_PATHS},
        "components": {
            "securitySchemes": {
                "client": {
                    "type": "oauth2",
                    "description": "A management client fetches tokens with its id and secret.",
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
                    "description": "An access token that is at hand.",
                },
            },
            "headers": _HEADERS,
            "responses": _error_responses(),
            "schemas": {**dict(sorted(schemas.components.items())), "Error": SCHEMA},
        },
    }


def _tags(operations: Sequence[Operation]) -> dict[str, str]:
    """Return the groups with what the contract says of their services."""
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
    """Name the callers, their credentials, and the fields that they may send."""
    who = " or ".join(_article(words) for words in operation.callers) or "nobody"
    method = operation.method
    told = f"May be called by {who}."
    if rights := dict.fromkeys((*method.permissions, *method.scopes)):
        needed = " or ".join(f"`{name}`" for name in rights)
        told = f"May be called by {who}; a caller with limited permissions needs {needed}."
    if method.feature:
        told += f" A person and the admin portal need the organization's feature `{method.feature}`"
        told += ", for some of the objects." if method.feature_by_object else "."
    sent = method.fields.get(Kind.USER_SESSION)
    if sent is None:
        return told
    told += " A person calls by the cookie of their session, from one of our own pages"
    if method.token and method.own:
        told += ", or by an access token of theirs"
    elif method.token:
        told += (
            ", or by an access token with the issuer in its `aud` and the permission in its scope"
        )
    told += "."
    whole = {field.name for field in method.input.desc().fields}
    if any("." in path and path.partition(".")[0] in whole for path in sent):
        names = ", ".join(f"`{path}`" for path in sent)
        told += f" What a person may send is {names}: another field is refused."
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
            "description": f"The object, and under `{method.flatten}` the same once more.",
            "allOf": [schemas.response(field.value.message), schema],
            "required": [method.flatten],
        }
    headers: dict[str, Any] = {"x-request-id": _REQUEST_ID}
    if operation.etag:
        headers["ETag"] = {"$ref": "#/components/headers/ETag"}
    return {
        "description": "It is done." if not operation.answer else "The answer.",
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
    responses["Error"] = _error("Any other error, in the same form.")
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
        "description": "Names this request in the server's log.",
        "schema": {"type": "string"},
    },
    "ETag": {
        "description": "Revision of the object; send it as If-Match to change just that one.",
        "schema": {"type": "string", "pattern": '^"[0-9]+"$'},
    },
}

_OAUTH_ERROR = {
    "description": "An error of RFC 6749 section 5.2.",
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
# How a client says who it is: one of these, or HTTP Basic (RFC 6749 section 2.3, RFC 7523).
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
    """Describe an endpoint that a client sends a form to, with itself in it."""
    name, *_ = asked  # the first is a must
    form = {"type": "object", "required": [name], "properties": {**asked, **_CLIENT}}
    found: dict[str, Any] = {"description": "Done."}
    if answered is not None:
        found = {"description": "The answer.", "content": {_JSON: {"schema": answered}}}
    return {
        "post": {
            "operationId": operation,
            "tags": ["OAuth"],
            "summary": summary,
            "description": f"{description} The client sends its id and secret in the form, or by "
            "HTTP Basic, or an assertion in place of the secret.",
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
        "Returns an access token for a client",
        "Without `scope` the token has all scopes of the client.",
        asked={"grant_type": {"const": "client_credentials"}, "scope": {"type": "string"}},
        answered={
            "type": "object",
            "required": ["access_token", "token_type", "expires_in"],
            "properties": {
                "access_token": {"type": "string"},
                "token_type": {"const": "Bearer"},
                "expires_in": {"type": "integer", "description": "Seconds."},
                "scope": {"type": "string"},
            },
        },
    ),
    "/oauth/introspect": _oauth(
        "Introspect",
        "Says whether a token is in force, and what it says (RFC 7662)",
        "A token may be an access token or an API token. Who may not know of it is told that it is "
        "not active.",
        asked={"token": {"type": "string"}},
        answered={
            "type": "object",
            "required": ["active"],
            "properties": {"active": {"type": "boolean"}},
        },
    ),
    "/oauth/revoke": _oauth(
        "Revoke",
        "Takes a token back (RFC 7009)",
        "A token that is unknown, expired or revoked before is no error.",
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
                    "description": "A key set of RFC 7517.",
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
