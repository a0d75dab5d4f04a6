"""Templates of emails: `/console/mail/templates`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protobuf.wkt import Empty

from tenantry.core import errors
from tenantry.endpoints.console import filters
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit
from tenantry.gen.scalekit.v1.emails.emails_pb import (
    CreateEmailTemplate,
    CreateEmailTemplateRequest,
    DeleteEmailTemplateRequest,
    DisableEmailTemplateRequest,
    EnableEmailTemplateRequest,
    GetEmailTemplateRequest,
    ListEmailTemplateRequest,
    ListEmailTemplateResponse,
    PatchEmailTemplateRequest,
    TemplateUsecase,
    UpdateTemplate,
)
from tenantry.gen.tenantry.v1.email_previews_pb import PreviewEmailTemplateRequest
from tenantry.identity.operators.model import OWNER
from tenantry.net.http import MAX_BODY, Response
from tenantry.web.forms import uploads
from tenantry.web.forms.problems import Problems
from tenantry.web.rendering import HEADERS
from tenantry.web.site import place_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from tenantry.gen.scalekit.v1.emails.emails_pb import (
        Template,
        TemplateUsecaseWithPlaceholders,
    )

_CONTENTS = ("subject", "html_content", "plain_content")
_OF_ALL = "-"
# A mail brings its style along; nothing in it runs, or leads anywhere.
_PREVIEW_HEADERS = HEADERS | {
    "x-frame-options": "SAMEORIGIN",
    "content-security-policy": (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src https:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'self'"
    ),
}


def pages(site: ConsoleSite) -> list[Page]:
    templates = _Templates(site)
    return [
        Page("GET", "/mail/templates", templates.listed),
        Page("GET", "/mail/templates/new", templates.new, OWNER),
        Page("POST", "/mail/templates", templates.create, OWNER, body_limit=MAX_BODY),
        Page("POST", "/mail/templates/preview", templates.preview, body_limit=MAX_BODY),
        Page("GET", "/mail/templates/{id}", templates.show),
        Page("POST", "/mail/templates/{id}/save", templates.save, OWNER, body_limit=MAX_BODY),
        Page("POST", "/mail/templates/{id}/enable", templates.enable, OWNER),
        Page("POST", "/mail/templates/{id}/disable", templates.disable),
        Page("POST", "/mail/templates/{id}/delete", templates.delete),
    ]


class _Templates:
    """Handlers of the pages of templates."""

    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def listed(self, visit: Visit) -> Response:
        """List the use cases with the templates of each, of the environment or an organization."""
        asked = visit.query("organization_id")
        chosen = await filters.find_organization(visit, "" if asked == _OF_ALL else asked)
        organization_id = chosen.id or _OF_ALL
        kept = ListEmailTemplateResponse()
        if not chosen.is_unresolved:
            kept = await visit.api.emails.list_email_templates(
                ListEmailTemplateRequest(organization_id=organization_id)
            )
        cases = await visit.api.emails.get_template_use_cases(Empty())
        templates: dict[TemplateUsecase, list[Template]] = {}
        for one in kept.templates:
            templates.setdefault(one.use_case, []).append(one)
        return self._site.render(
            visit,
            "mail",
            "mail/templates.html",
            owns=visit.has_role(OWNER),
            organization_id=organization_id,
            chosen=chosen,
            cases=[one for one in cases.use_cases if one.display],
            templates=templates,
        )

    async def new(self, visit: Visit) -> Response:
        """Show the form of a new template, with our words as its draft."""
        case = await self._case(visit, visit.query("use_case"))
        assert case.default_template is not None
        draft = _contents_of(case.default_template)
        return self._form(visit, visit.query("organization_id") or _OF_ALL, case, contents=draft)

    async def show(self, visit: Visit) -> Response:
        """Show one template."""
        organization_id = visit.query("organization_id") or _OF_ALL
        template = await self._template(visit, organization_id)
        case = await self._case(visit, template.use_case.name)
        contents = _contents_of(template)
        return self._form(visit, organization_id, case, contents=contents, template=template)

    async def create(self, visit: Visit) -> Response:
        """Keep a new template."""
        form = _unix((await uploads.read(visit.request)).members)
        organization_id = form.get("organization_id") or _OF_ALL
        template = CreateEmailTemplate(
            use_case=_use_case(form),
            subject=form.get("subject", ""),
            html_content=form.get("html_content", ""),
            plain_content=form.get("plain_content", ""),
        )
        try:
            made = await visit.api.emails.create_email_template(
                CreateEmailTemplateRequest(organization_id=organization_id, template=template)
            )
        except errors.InvalidArgument as problem:
            case = await self._case(visit, form.get("use_case", ""))
            return self._form(visit, organization_id, case, contents=form, problem=problem)
        assert made.template is not None
        return self._done(visit, organization_id, made.template.id, "template_made")

    async def save(self, visit: Visit) -> Response:
        """Give a template other contents."""
        form = _unix((await uploads.read(visit.request)).members)
        organization_id = form.get("organization_id") or _OF_ALL
        template_id = visit.request.params["id"]
        try:
            await visit.api.emails.update_email_template(
                PatchEmailTemplateRequest(
                    organization_id=organization_id,
                    template_id=template_id,
                    template=UpdateTemplate(
                        subject=form.get("subject", ""),
                        html_content=form.get("html_content", ""),
                        plain_content=form.get("plain_content", ""),
                    ),
                )
            )
        except errors.InvalidArgument as problem:
            template = await self._template(visit, organization_id)
            case = await self._case(visit, template.use_case.name)
            return self._form(
                visit, organization_id, case, contents=form, template=template, problem=problem
            )
        return self._done(visit, organization_id, template_id, "template_saved")

    async def enable(self, visit: Visit) -> Response:
        """Have mail made by a template."""
        organization_id, template_id = _named(visit)
        request = EnableEmailTemplateRequest(
            organization_id=organization_id, template_id=template_id
        )
        call = visit.api.emails.enable_email_template(request)
        return await self._switch(visit, call, "template_enabled")

    async def disable(self, visit: Visit) -> Response:
        """Have mail made by it no more."""
        organization_id, template_id = _named(visit)
        request = DisableEmailTemplateRequest(
            organization_id=organization_id, template_id=template_id
        )
        call = visit.api.emails.disable_email_template(request)
        return await self._switch(visit, call, "template_disabled")

    async def delete(self, visit: Visit) -> Response:
        """Delete a template."""
        organization_id, template_id = _named(visit)
        await visit.api.emails.delete_email_template(
            DeleteEmailTemplateRequest(organization_id=organization_id, template_id=template_id)
        )
        path = visit.path("mail", "templates", organization_id=organization_id)
        return self._site.done(path, "template_deleted")

    async def preview(self, visit: Visit) -> Response:
        """Answer with the mail that unsaved contents make, for a frame beside them."""
        form = _unix((await uploads.read(visit.request)).members)
        request = PreviewEmailTemplateRequest(
            use_case=_use_case(form),
            subject=form.get("subject", ""),
            html_content=form.get("html_content", ""),
            plain_content=form.get("plain_content", ""),
        )
        try:
            shown = await visit.api.email_previews.preview_email_template(request)
        except errors.InvalidArgument as problem:
            response = Response(400, problem.message.encode(), {"content-type": "text/plain"})
        else:
            response = Response.html(shown.html_content)
        response.headers |= _PREVIEW_HEADERS
        return response

    def _form(
        self,
        visit: Visit,
        organization_id: str,
        case: TemplateUsecaseWithPlaceholders,
        *,
        contents: Mapping[str, str],
        template: Template | None = None,
        problem: errors.InvalidArgument | None = None,
    ) -> Response:
        """Return the page of a template; contents are too long to travel in a redirect."""
        response = self._site.render(
            visit,
            "mail",
            "mail/template.html",
            owns=visit.has_role(OWNER),
            organization_id=organization_id,
            case=case,
            kept=template,
            contents={name: contents.get(name, "") for name in _CONTENTS},
            problems=None if problem is None else _beside(problem),
        )
        if problem is not None:
            response.status = problem.status
        response.headers["content-security-policy"] += "; frame-src 'self'"
        return response

    async def _template(self, visit: Visit, organization_id: str) -> Template:
        request = GetEmailTemplateRequest(
            organization_id=organization_id, template_id=visit.request.params["id"]
        )
        found = (await visit.api.emails.get_email_template(request)).template
        assert found is not None
        return found

    async def _case(self, visit: Visit, use_case: str) -> TemplateUsecaseWithPlaceholders:
        cases = (await visit.api.emails.get_template_use_cases(Empty())).use_cases
        found = next((one for one in cases if one.use_case.name == use_case), None)
        if found is None:
            raise errors.NotFound("use case")
        return found

    async def _switch(self, visit: Visit, call: Awaitable[object], change: str) -> Response:
        organization_id, template_id = _named(visit)
        try:
            await call
        except errors.InvalidArgument as problem:  # it was kept before it was checked
            template = await self._template(visit, organization_id)
            case = await self._case(visit, template.use_case.name)
            contents = _contents_of(template)
            return self._form(
                visit, organization_id, case, contents=contents, template=template, problem=problem
            )
        return self._done(visit, organization_id, template_id, change)

    def _done(self, visit: Visit, organization_id: str, template_id: str, change: str) -> Response:
        path = visit.path("mail", "templates", template_id, organization_id=organization_id)
        return self._site.done(path, change)


def _beside(problem: errors.InvalidArgument) -> Problems:
    place = place_of(problem, {f"template.{name}": name for name in _CONTENTS})
    return Problems({place: "refusal.said"}, {"": problem.message})


def _named(visit: Visit) -> tuple[str, str]:
    """Return the organization and the template of a form."""
    return visit.request.form().get("organization_id") or _OF_ALL, visit.request.params["id"]


def _use_case(form: Mapping[str, str]) -> TemplateUsecase:
    found = TemplateUsecase.__members__.get(form.get("use_case", ""))
    return found or TemplateUsecase.UNSPECIFIED


def _contents_of(template: Template) -> dict[str, str]:
    return {
        "subject": template.subject,
        "html_content": template.html_content,
        "plain_content": template.plain_content,
    }


def _unix(form: dict[str, str]) -> dict[str, str]:
    """Return a form with the line ends of a text: browsers send both characters."""
    return {name: value.replace("\r\n", "\n") for name, value in form.items()}
