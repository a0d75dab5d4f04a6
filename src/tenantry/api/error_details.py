"""Errors on the wire: ErrorInfo for gRPC and Connect, the JSON envelope for REST."""

from __future__ import annotations

import logging
from typing import Any

from protobuf.wkt import Any as AnyMessage

from tenantry.core import errors
from tenantry.db.engine import DuplicateKey, Failure
from tenantry.gen.scalekit.v1.errdetails import errdetails_pb
from tenantry.telemetry.log import warn_rate_limited
from tenantry.telemetry.request_context import CURRENT

log = logging.getLogger(__name__)

_TYPE_URL = "type.googleapis.com/scalekit.v1.errdetails.ErrorInfo"


def translate(problem: BaseException, request_id: str) -> errors.Error:
    """Return the error that the caller may see; an unexpected one is logged with its id."""
    if isinstance(problem, errors.Error):
        return problem
    if isinstance(problem, DuplicateKey):
        return errors.Duplicate(problem.field)
    if isinstance(problem, Failure):
        error = problem.error()
        request_context = CURRENT.get()
        if (
            request_context is not None
            and request_context.changed
            and isinstance(error, errors.Busy)
        ):
            # The answer is read after the change, and "nothing was changed" would be untrue.
            error = errors.OutcomeUnknown()
        fields = {"error_code": error.name, "request_id": request_id, "problem": str(problem)}
        warn_rate_limited(log, "database error", error.name, fields)
        return error
    log.error("unexpected error", exc_info=problem, extra={"fields": {"request_id": request_id}})
    return errors.Internal(request_id)


def error_info(error: errors.Error, request_id: str) -> errdetails_pb.ErrorInfo:
    """Return the detail that every error carries."""
    info = errdetails_pb.ErrorInfo(
        error_code=error.name,
        request_info=errdetails_pb.RequestInfo(request_id=request_id),
    )
    if error.help:
        info.help_info = errdetails_pb.HelpInfo(
            links=[errdetails_pb.HelpInfo.Link(description=error.help)]
        )
    if isinstance(error, errors.Duplicate) and error.other:
        info.resource_info = errdetails_pb.ResourceInfo(resource_name=error.other)
    if error.violations:
        info.validation_error_info = errdetails_pb.ValidationErrorInfo(
            field_violations=[
                errdetails_pb.ValidationErrorInfo.FieldViolation(
                    field=v.field, description=v.description, constraint=v.constraint
                )
                for v in error.violations
            ]
        )
    return info


def envelope(error: errors.Error, request_id: str) -> dict[str, Any]:
    """Return the body of an error over REST."""
    detail: dict[str, Any] = {
        "@type": _TYPE_URL,
        "error_code": error.name,
        "request_info": {"request_id": request_id},
    }
    if error.help:
        detail["help_info"] = {"links": [{"description": error.help}]}
    if isinstance(error, errors.Duplicate) and error.other:
        detail["resource_info"] = {"resource_name": error.other}
    if error.violations:
        detail["validation_error_info"] = {
            "field_violations": [
                {"field": v.field, "description": v.description, "constraint": v.constraint}
                for v in error.violations
            ]
        }
    return {"code": int(error.code), "message": error.message, "details": [detail]}


def packed(error: errors.Error, request_id: str) -> AnyMessage:
    """Return the detail as google.protobuf.Any."""
    return AnyMessage(type_url=_TYPE_URL, value=error_info(error, request_id).to_binary())
