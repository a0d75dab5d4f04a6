"""Calls of tools: dry run, confirmation, and results.

A destructive tool runs only after the user has confirmed. A client that supports elicitation is
sent a form (`input_required` of revision 2026-07-28). Others get a confirmation code, which they
send with a second call; clients show calls of such tools to the user before they send them.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson

from tenantry.api import error_details, messages
from tenantry.api.pipeline import Admission
from tenantry.core import errors
from tenantry.core.times import MINUTE, now
from tenantry.crypto.vault import Binding, WrongKey
from tenantry.db.writes.retries import retried
from tenantry.endpoints.mcp.tools import CONFIRMATION, DRY_RUN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from protobuf import Message

    from tenantry.api.in_process import Rpcs
    from tenantry.core.caller import Caller
    from tenantry.db.engine import Database
    from tenantry.endpoints.mcp.json_rpc import RpcRequest
    from tenantry.endpoints.mcp.tools import Tool
    from tenantry.net.http import Request

MAX_RESULT = 100_000  # bytes: more than a model should read at once
_CODE_LIFE = 5 * MINUTE
_LONGEST_CODE = 400  # characters
_INPUT = "confirmation"  # the name of the input request
_FORM = {
    "type": "object",
    "properties": {"confirm": {"type": "boolean", "title": "Confirm", "default": False}},
    "required": ["confirm"],
}


class _RollBack(Exception):
    """Ends the transaction of a dry run."""


class _Declined(Exception):
    """The user did not confirm."""


class ToolCalls:
    """Runs tools for callers that are authenticated."""

    def __init__(self, db: Database, rpcs: Rpcs) -> None:
        self._db = db
        self._rpcs = rpcs

    async def run(
        self, tool: Tool, caller: Caller, request: Request, asked: RpcRequest
    ) -> dict[str, Any]:
        """Return the result of `tools/call`; an error of the API is a result, too.

        Raises:
            RpcError: the parameters are invalid.

        """
        arguments = dict(asked.members("arguments"))
        dry_run = arguments.pop(DRY_RUN, False) if tool.has_dry_run else False
        code = arguments.pop(CONFIRMATION, "") if tool.is_destructive else ""
        if not isinstance(dry_run, bool) or not isinstance(code, str):
            raise asked.invalid(f"{DRY_RUN} must be a boolean and {CONFIRMATION} a string")
        admission = Admission(caller, request.request_id, None, None, {}, request.origin)
        try:
            message = messages.from_json(tool.method.input, orjson.dumps(arguments))
            if dry_run:
                return _result(await self._dry_run(tool, admission, message), dry_run=True)
            binding = _binding(tool, caller, arguments)
            if tool.is_destructive and not self._is_confirmed(binding, asked, code):
                if tool.has_dry_run:  # a call that would fail needs no confirmation
                    await self._dry_run(tool, admission, message)
                return self._ask(tool, arguments, binding, asked)
            response, _ = await self._rpcs.run(tool.method, admission, message)
            return _result(response)
        except _Declined:
            return _text("The user declined. Nothing was changed.", is_error=True)
        except Exception as problem:  # noqa: BLE001 - any error is a result
            error = error_details.translate(problem, request.request_id)
            request.context.error = error.name
            envelope = error_details.envelope(error, request.request_id)
            return _text(json.dumps(envelope, ensure_ascii=False), is_error=True)

    async def _dry_run(
        self, tool: Tool, admission: Admission, message: Message[Any]
    ) -> Message[Any]:
        """Return the response of a call whose transaction is rolled back."""

        async def run() -> Message[Any]:
            found: list[Message[Any]] = []
            with suppress(_RollBack):
                async with self._db.transaction() as session:
                    admission.db = session
                    found.append((await self._rpcs.run(tool.method, admission, message))[0])
                    raise _RollBack
            return found[0]

        try:
            return await retried(run)
        finally:
            admission.db = None

    def _is_confirmed(self, binding: Binding, asked: RpcRequest, code: str) -> bool:
        """Whether the user has confirmed this call.

        Raises:
            _Declined: the user has not.
            errors.InvalidArgument: the code is not one for this call, or has expired.

        """
        state = asked.text("requestState")
        if state:
            answer = asked.members("inputResponses").get(_INPUT)
            if not isinstance(answer, dict):
                return False  # asked for again
            if answer.get("action") != "accept" or answer.get("content") != {"confirm": True}:
                raise _Declined
            code = state
        if not code:
            return False
        if not self._is_valid(code, binding):
            raise errors.InvalidArgument.field(
                CONFIRMATION, "code", "is not the code of this call, or has expired"
            )
        return True

    def _is_valid(self, code: str, binding: Binding) -> bool:
        if len(code) > _LONGEST_CODE:
            return False
        try:
            until = json.loads(self._db.vault.decrypt_from_url(code, binding))
        except (WrongKey, ValueError):
            return False
        return bool(now() <= until)

    def _ask(
        self, tool: Tool, arguments: Mapping[str, Any], binding: Binding, asked: RpcRequest
    ) -> dict[str, Any]:
        """Return the result that asks the user to confirm."""
        code = self._db.vault.encrypt_for_url(json.dumps(now() + _CODE_LIFE).encode(), binding)
        given = json.dumps(arguments, ensure_ascii=False, indent=2)
        question = f"{tool.title}?\n{given}"
        if _has_forms(asked.capabilities):
            form = {"mode": "form", "message": question, "requestedSchema": _FORM}
            return {
                "resultType": "input_required",
                "inputRequests": {_INPUT: {"method": "elicitation/create", "params": form}},
                "requestState": code,
            }
        return _text(
            f"Nothing was changed. Ask the user to confirm: {question}\n"
            f"If the user agrees, call the tool again within 5 minutes with the same arguments "
            f'and "{CONFIRMATION}": "{code}".'
        )


def _binding(tool: Tool, caller: Caller, arguments: Mapping[str, Any]) -> Binding:
    """Return what a confirmation is bound to: the caller, and the call with its arguments."""
    spelled = orjson.dumps(arguments, option=orjson.OPT_SORT_KEYS)
    return Binding(
        "confirmation of a tool call",
        (caller.kind.label, caller.id, tool.name, hashlib.sha256(spelled).hexdigest()),
    )


def _has_forms(capabilities: Mapping[str, Any]) -> bool:
    """Whether a client supports elicitation by forms; `{}` stands for forms."""
    elicitation = capabilities.get("elicitation")
    return isinstance(elicitation, dict) and ("form" in elicitation or not elicitation)


def _result(response: Message[Any], *, dry_run: bool = False) -> dict[str, Any]:
    members = messages.to_members(response)
    if dry_run:
        members = {DRY_RUN: True, "response": members}
    text = orjson.dumps(members).decode()
    if len(text) > MAX_RESULT:
        return _text(
            f"The response has {len(text):,} characters, more than the {MAX_RESULT:,} allowed. "
            "Use a smaller page_size or a filter.",
            is_error=True,
        )
    return {**_text(text), "structuredContent": members}


def _text(text: str, *, is_error: bool = False) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}], "isError": is_error}
