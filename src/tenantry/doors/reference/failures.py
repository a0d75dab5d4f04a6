"""The errors that every operation can end in, read off `errors.py`, and how REST spells them."""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from typing import Any

from tenantry import errors

_EXPLAINED = (
    "An error: its gRPC code and sentence, and in `details` a code for programs, the id of the "
    "request, and where fields were wrong, which."
)

SCHEMA: dict[str, Any] = {
    "title": "Error",
    "type": "object",
    "description": _EXPLAINED,
    "required": ["code", "message", "details"],
    "properties": {
        "code": {"type": "integer", "minimum": 1, "maximum": 16, "description": "gRPC status code"},
        "message": {"type": "string", "description": "What was wrong, for people."},
        "details": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["@type", "error_code", "request_info"],
                "properties": {
                    "@type": {"type": "string"},
                    "error_code": {
                        "type": "string",
                        "minLength": 1,
                        "description": "What was wrong, for programs.",
                    },
                    "request_info": {
                        "type": "object",
                        "required": ["request_id"],
                        "properties": {
                            "request_id": {
                                "type": "string",
                                "description": "The same as in the header `x-request-id`.",
                            }
                        },
                    },
                    "validation_error_info": {
                        "type": "object",
                        "required": ["field_violations"],
                        "properties": {
                            "field_violations": {
                                "type": "array",
                                "items": {
                                    "type": "object",
                                    "required": ["field", "constraint", "description"],
                                    "properties": {
                                        "field": {"type": "string"},
                                        "constraint": {"type": "string"},
                                        "description": {"type": "string"},
                                    },
                                },
                            }
                        },
                    },
                },
            },
        },
    },
}

EXAMPLE_STATUS = 400
EXAMPLE: dict[str, Any] = {
    "code": 3,
    "message": "organization.display_name: value length must be at least 1 characters",
    "details": [
        {
            "@type": "type.googleapis.com/scalekit.v1.errdetails.ErrorInfo",
            "error_code": "INVALID_ARGUMENT",
            "request_info": {"request_id": "req_5f0c1d7e9b2a4c6e8f013579"},
            "validation_error_info": {
                "field_violations": [
                    {
                        "field": "organization.display_name",
                        "constraint": "string.min_len",
                        "description": "value length must be at least 1 characters",
                    }
                ]
            },
        }
    ],
}


@dataclass(frozen=True, slots=True)
class Failure:
    """The meaning of one HTTP status and error_code."""

    status: int
    error_code: str
    code: str  # of gRPC
    meanings: tuple[str, ...]


def status(kind: type[errors.Error]) -> int:
    """Return the HTTP status of a kind of error."""
    return kind.http_status or errors.HTTP_STATUS[kind.code]


@functools.cache
def failures() -> tuple[Failure, ...]:
    """Return all that is declared in `errors.py`, by status."""
    meanings: dict[tuple[int, str, str], list[str]] = {}
    for kind in errors.Error.__subclasses__():
        key = (status(kind), kind.error_code or kind.code.name, kind.code.name)
        told = (inspect.getdoc(kind) or kind.sentence).split("\n\n", maxsplit=1)[0]
        meanings.setdefault(key, []).append(" ".join(told.split()))
    return tuple(Failure(*key, tuple(told)) for key, told in sorted(meanings.items()))
