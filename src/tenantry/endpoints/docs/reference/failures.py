"""The errors that every operation can end in, read off `core/errors`, and how REST spells them."""

from __future__ import annotations

import functools
import inspect
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from tenantry.core import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

_EXPLAINED = (
    "An error: gRPC status code, message, and in `details` the error code, the request ID and, for "
    "invalid requests, the invalid fields."
)

SCHEMA: dict[str, Any] = {
    "title": "Error",
    "type": "object",
    "description": _EXPLAINED,
    "required": ["code", "message", "details"],
    "properties": {
        "code": {
            "type": "integer",
            "minimum": 1,
            "maximum": 16,
            "description": "gRPC status code.",
        },
        "message": {"type": "string", "description": "Description of the error."},
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
                        "description": "Stable error code.",
                    },
                    "request_info": {
                        "type": "object",
                        "required": ["request_id"],
                        "properties": {
                            "request_id": {
                                "type": "string",
                                "description": "Same as the header `x-request-id`.",
                            }
                        },
                    },
                    "help_info": {
                        "type": "object",
                        "required": ["links"],
                        "properties": {
                            "links": {
                                "type": "array",
                                "items": {
                                    "type": "object",
                                    "required": ["description"],
                                    "properties": {
                                        "description": {
                                            "type": "string",
                                            "description": "Suggested solution.",
                                        }
                                    },
                                },
                            }
                        },
                    },
                    "resource_info": {
                        "type": "object",
                        "required": ["resource_name"],
                        "properties": {
                            "resource_name": {
                                "type": "string",
                                "description": "ID of the conflicting object.",
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
    "message": "display_name: is required",
    "details": [
        {
            "@type": "type.googleapis.com/scalekit.v1.errdetails.ErrorInfo",
            "error_code": "INVALID_ARGUMENT",
            "request_info": {"request_id": "req_5f0c1d7e9b2a4c6e8f013579"},
            "validation_error_info": {
                "field_violations": [
                    {
                        "field": "display_name",
                        "constraint": "string.min_len",
                        "description": "is required",
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

    @property
    def remedy(self) -> str:
        """The suggested solution."""
        return _remedies().get(self.error_code, "")


def status(kind: type[errors.Error]) -> int:
    """Return the HTTP status of a kind of error."""
    return kind.http_status or errors.HTTP_STATUS[kind.code]


@functools.cache
def failures() -> tuple[Failure, ...]:
    """Return all that is declared in `core/errors`, and in the loaded modules, by status."""
    meanings: dict[tuple[int, str, str], list[str]] = {}
    for kind in _all_below(errors.Error):
        key = (status(kind), kind.error_code or kind.code.name, kind.code.name)
        told = (inspect.getdoc(kind) or kind.sentence).split("\n\n", maxsplit=1)[0]
        meanings.setdefault(key, []).append(" ".join(told.split()).replace("``", "`"))
    return tuple(Failure(*key, tuple(told)) for key, told in sorted(meanings.items()))


def _all_below(kind: type[errors.Error]) -> Iterator[type[errors.Error]]:
    for each in kind.__subclasses__():
        yield each
        yield from _all_below(each)


@functools.cache
def _remedies() -> dict[str, str]:
    text = files("tenantry.endpoints.docs").joinpath("remedies.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
