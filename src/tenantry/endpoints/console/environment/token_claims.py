"""Token claims: the template of what tokens of people say beside our own claims."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from protobuf.wkt import Struct

from tenantry.core import errors, strict_json, structs
from tenantry.endpoints.console import forms
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit
from tenantry.gen.scalekit.v1.interceptors.interceptors_pb import (
    DeleteTokenTemplateRequest,
    DisableTokenTemplateRequest,
    EnableTokenTemplateRequest,
    GetTokenTemplateContextRequest,
    GetTokenTemplateRequest,
    PreviewTokenTemplateRequest,
    UpsertTokenTemplateRequest,
)
from tenantry.web.forms.problems import Problems

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator, Mapping

    from tenantry.gen.scalekit.v1.interceptors.interceptors_pb import PreviewTokenTemplateResponse
    from tenantry.net.http import Response

_FIELDS = {"user_id": "user_id", "organization_id": "organization_id"}
_TYPED = ("template", *_FIELDS)
_MOST_CARRIED = 3000  # bytes of a wrong template that the address of its page carries


def pages(site: ConsoleSite) -> list[Page]:
    claims = _TokenClaims(site)
    return [
        Page("GET", "/token-claims", claims.show),
        Page("POST", "/token-claims/keep", claims.keep),
        Page("POST", "/token-claims/enable", claims.enable),
        Page("POST", "/token-claims/disable", claims.disable),
        Page("POST", "/token-claims/delete", claims.delete),
    ]


class _TokenClaims:
    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def show(self, visit: Visit) -> Response:
        """Show the template, and what the one of the address makes of a person there."""
        sent = {name: visit.query(name) for name in _TYPED}
        if not any(sent.values()):
            return await self._show(visit)
        shown, problems = None, None
        try:
            shown = await visit.api.interceptors.preview_token_template(
                PreviewTokenTemplateRequest(
                    template=_template(sent),
                    user_id=sent["user_id"].strip(),
                    organization_id=sent["organization_id"].strip() or None,
                )
            )
        except errors.InvalidArgument as problem:
            problems = _problems(problem)
        except errors.NotFound:
            problems = Problems({"user_id": "token_claims.nobody"})
        if shown is not None and shown.error is not None:
            problems = Problems({"template": "refusal.said"}, {"": shown.error.message})
        return await self._show(visit, sent, problems, shown)

    async def keep(self, visit: Visit) -> Response:
        """Keep a template in the place of the one that there was."""
        form = visit.request.form()
        try:
            await visit.api.interceptors.upsert_token_template(
                UpsertTokenTemplateRequest(template=_template(form))
            )
        except errors.InvalidArgument as problem:
            typed = {"template": form.get("template", "")}
            if len(typed["template"].encode()) > _MOST_CARRIED:
                return await self._show(visit, typed, _problems(problem))
            fields = dict.fromkeys((each.field for each in problem.violations), "template")
            return self._site.wrong(visit, problem, visit.path("token-claims"), fields, typed)
        return self._site.done(visit.path("token-claims"), "changed")

    async def enable(self, visit: Visit) -> Response:
        """Have tokens tell its claims."""
        call = visit.api.interceptors.enable_token_template(EnableTokenTemplateRequest())
        return await self._send(visit, call, "enabled")

    async def disable(self, visit: Visit) -> Response:
        """Have tokens tell its claims no more."""
        call = visit.api.interceptors.disable_token_template(DisableTokenTemplateRequest())
        return await self._send(visit, call, "disabled")

    async def delete(self, visit: Visit) -> Response:
        call = visit.api.interceptors.delete_token_template(DeleteTokenTemplateRequest())
        return await self._send(visit, call, "deleted")

    async def _show(
        self,
        visit: Visit,
        sent: Mapping[str, str] | None = None,
        problems: Problems | None = None,
        shown: PreviewTokenTemplateResponse | None = None,
    ) -> Response:
        """Show the page; ``sent`` is a form, and ``shown`` a preview by it."""
        try:
            found = await visit.api.interceptors.get_token_template(GetTokenTemplateRequest())
            kept = found.config
        except errors.NotFound:
            kept = None
        context = await visit.api.interceptors.get_token_template_context(
            GetTokenTemplateContextRequest()
        )
        kept_text = "" if kept is None else _written(_members(kept.template))
        return self._site.render(
            visit,
            "token-claims",
            "token_claims.html",
            problems,
            kept=kept,
            kept_text=kept_text,
            sent=sent or {},
            preview=_preview(shown) if shown and not problems else None,
            variables=list(_paths(_members(context.variables))),
            reserved=sorted(_members(context.accesstoken_reserved_claims)),
        )

    async def _send(self, visit: Visit, call: Awaitable[object], change: str) -> Response:
        return await forms.send(self._site, visit, call, visit.path("token-claims"), change)


def _problems(problem: errors.InvalidArgument) -> Problems:
    """Return a refusal beside its field: all that is not about another one is of the template."""
    named = [each.field for each in problem.violations]
    place = next((_FIELDS[name] for name in named if name in _FIELDS), "template")
    return Problems({place: "refusal.said"}, {"": problem.message})


def _template(form: Mapping[str, str]) -> Struct:
    """Return what a form says: an object in JSON, or a line for each claim, `name = expression`."""
    text = form.get("template", "").strip()
    if not text.startswith("{"):
        return Struct.from_python(forms.named(form, "template", "template"))
    try:
        content = strict_json.loads(text, unique=True)
    except ValueError as problem:
        raise errors.InvalidArgument.field(
            "template", "json", f"is not valid JSON: {problem}"
        ) from None
    assert isinstance(content, dict)
    return Struct.from_python(content)


def _written(template: Mapping[str, Any]) -> str:
    """Return a template as `_template` reads it: by lines, unless it has objects."""
    if any(isinstance(value, dict) for value in template.values()):
        return json.dumps(template, ensure_ascii=False, indent=2)
    return "\n".join(f"{name} = {_line(value)}" for name, value in sorted(template.items()))


def _line(value: Any) -> str:
    return " ".join(value.split()) if isinstance(value, str) else json.dumps(value)


def _members(struct: Struct | None) -> dict[str, Any]:
    return {} if struct is None else structs.members(struct)


def _preview(shown: PreviewTokenTemplateResponse) -> dict[str, Any]:
    token = _members(shown.token_preview)
    return {
        "claims": json.dumps(_members(shown.claims), ensure_ascii=False, indent=2),
        "omitted": shown.omitted_keys,
        "token": json.dumps(token, ensure_ascii=False, indent=2, sort_keys=True),
    }


def _paths(variables: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the variables as an expression spells them, each with its kind."""
    for name, kind in variables.items():
        if isinstance(kind, dict):
            yield from _paths(kind, f"{path}{name}.")
        else:
            yield f"{path}{name}", kind
