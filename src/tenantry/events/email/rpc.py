"""EmailService, EmailPreviewService and MailService: message in, message out. No SQL, no rules."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from protobuf import Oneof
from protobuf.wkt import Empty, StringValue

from tenantry.core import errors, ids
from tenantry.core.times import timestamp
from tenantry.events.email import custom_templates, previews, servers, service
from tenantry.events.email.model import QUEUED
from tenantry.events.email.rendering import split_mailbox
from tenantry.events.email.servers import EmailServerInput
from tenantry.events.email.use_cases import CATEGORIES, PLACEHOLDERS, USE_CASES, draft
from tenantry.gen.scalekit.v1.emails import emails_pb as pb
from tenantry.gen.tenantry.v1 import email_previews_pb as own_pb
from tenantry.gen.tenantry.v1 import mail_pb

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from tenantry.call import Call
    from tenantry.events.email.model import Email, EmailServer, EmailTemplate
    from tenantry.events.email.service import Content
    from tenantry.events.email.use_cases import Placeholder, UseCase
    from tenantry.settings import Settings

_CONTENTS = ("subject", "html_content", "plain_content")
_TRIED = "USER_LOGIN_OTP"


class EmailService:
    """One async method per rpc; ``color`` returns that of buttons, as it is now."""

    def __init__(self, settings: Settings, color: Callable[[], str]) -> None:
        self._color = color
        self._fixed = bool(settings.smtp_url)
        self._from_name, self._from_address = split_mailbox(settings.mail_from)

    async def get_template_placeholders(
        self, request: pb.GetPlaceholdersRequest, _call: Call
    ) -> pb.GetPlaceholdersResponse:
        return pb.GetPlaceholdersResponse(
            placeholders=list(_use_case(request.use_case, "use_case").placeholders)
        )

    async def get_template_use_cases(
        self, _request: Empty, _call: Call
    ) -> pb.GetTemplateUseCasesResponse:
        # The first one makes drafts of all, beside the loop that calls run on.
        return await asyncio.to_thread(_all_use_cases, self._color())

    async def create_email_template(
        self, request: pb.CreateEmailTemplateRequest, call: Call
    ) -> pb.CreateEmailTemplateResponse:
        given = request.template
        assert given is not None
        made = await custom_templates.create(
            call,
            _organization(request.organization_id),
            _use_case(given.use_case, "template.use_case").name,
            {name: getattr(given, name) for name in _CONTENTS},
        )
        return pb.CreateEmailTemplateResponse(template=_template(made))

    async def update_email_template(
        self, request: pb.PatchEmailTemplateRequest, call: Call
    ) -> pb.GetEmailTemplateResponse:
        given = request.template
        assert given is not None
        names: Collection[str] = [one.name for one in given if one in given]
        if request.update_mask is not None and request.update_mask.paths:
            names = _masked(request.update_mask.paths)
        changed = await custom_templates.change(
            call,
            _organization(request.organization_id),
            request.template_id,
            {name: getattr(given, name) for name in names},
        )
        return pb.GetEmailTemplateResponse(template=_template(changed))

    async def enable_email_template(
        self, request: pb.EnableEmailTemplateRequest, call: Call
    ) -> pb.EnableEmailTemplateResponse:
        last = await custom_templates.enable(
            call, _organization(request.organization_id), request.template_id
        )
        return pb.EnableEmailTemplateResponse(
            active_template_id=StringValue(value=request.template_id),
            last_active_template_id=StringValue(value=last.id) if last else None,
        )

    async def disable_email_template(
        self, request: pb.DisableEmailTemplateRequest, call: Call
    ) -> Empty:
        organization_id = _organization(request.organization_id)
        await custom_templates.disable(call, organization_id, request.template_id)
        return Empty()

    async def get_email_template(
        self, request: pb.GetEmailTemplateRequest, call: Call
    ) -> pb.GetEmailTemplateResponse:
        found = await custom_templates.get(
            call.db, _organization(request.organization_id), request.template_id
        )
        return pb.GetEmailTemplateResponse(template=_template(found))

    async def list_email_templates(
        self, request: pb.ListEmailTemplateRequest, call: Call
    ) -> pb.ListEmailTemplateResponse:
        found = await custom_templates.list_all(call.db, _organization(request.organization_id))
        return pb.ListEmailTemplateResponse(templates=[_template(one) for one in found])

    async def delete_email_template(
        self, request: pb.DeleteEmailTemplateRequest, call: Call
    ) -> Empty:
        organization_id = _organization(request.organization_id)
        await custom_templates.remove(call, organization_id, request.template_id)
        return Empty()

    async def create_email_server(
        self, request: pb.CreateEmailServerRequest, call: Call
    ) -> pb.CreateEmailServerResponse:
        if request.settings is None:
            raise errors.InvalidArgument.field("settings", "required", "is required")
        made = await servers.create(call, _given(request.provider, request.settings))
        return pb.CreateEmailServerResponse(server=_server(made))

    async def update_email_server_settings(
        self, request: pb.PatchEmailServerSettingsRequest, call: Call
    ) -> pb.GetEmailServerResponse:
        assert request.settings is not None
        before = await servers.get(call.db, request.server_id)
        given = replace(
            _given(pb.EmailServerProvider.OTHER, request.settings), provider=before.provider
        )
        changed = await servers.change(call, request.server_id, given)
        return pb.GetEmailServerResponse(server=_server(changed))

    async def enable_email_server(
        self, request: pb.EnableEmailServerRequest, call: Call
    ) -> pb.EnableEmailServerResponse:
        last = await servers.enable(call, request.server_id, fixed=self._fixed)
        return pb.EnableEmailServerResponse(
            active_server_id=StringValue(value=request.server_id),
            last_active_server_id=StringValue(value=last.id) if last else None,
        )

    async def disable_email_server(
        self, request: pb.DisableEmailServerRequest, call: Call
    ) -> Empty:
        await servers.disable(call, request.server_id)
        return Empty()

    async def get_email_server(
        self, request: pb.GetEmailServerRequest, call: Call
    ) -> pb.GetEmailServerResponse:
        return pb.GetEmailServerResponse(
            server=_server(await servers.get(call.db, request.server_id))
        )

    async def list_email_servers(self, _request: Empty, call: Call) -> pb.ListEmailServerResponse:
        found = await servers.list_all(call.db)
        return pb.ListEmailServerResponse(servers=[_server(one) for one in found])

    async def delete_email_server(self, request: pb.DeleteEmailServerRequest, call: Call) -> Empty:
        await servers.remove(call, request.server_id)
        return Empty()

    async def get_email_configuration(
        self, _request: Empty, call: Call
    ) -> pb.GetEmailConfigurationResponse:
        server = await self._in_force(call)
        return pb.GetEmailConfigurationResponse(
            default_from_name=server.from_name if server else self._from_name,
            default_from_address=server.from_email if server else self._from_address,
            email_server_selected=_selected(server),
            server=_server(server) if server else None,
        )

    async def upsert_email_configuration(
        self, request: pb.UpsertEmailConfigurationRequest, call: Call
    ) -> pb.UpsertEmailConfigurationResponse:
        if request.server is None:
            raise errors.InvalidArgument.field("server", "required", "is required")
        server = await self._upsert(call, request.server, request.default_from_name)
        assert request.server.enabled is not None
        if request.server.enabled.value:
            await servers.enable(call, server.id, fixed=self._fixed)
        elif server.enabled:
            await servers.disable(call, server.id)
        now_used = await self._in_force(call)
        return pb.UpsertEmailConfigurationResponse(
            default_from_name=now_used.from_name if now_used else self._from_name,
            default_from_address=now_used.from_email if now_used else self._from_address,
            email_server_selected=_selected(now_used),
            server=_server(await servers.get(call.db, server.id)),
        )

    async def _upsert(
        self, call: Call, given: pb.UpsertEmailConfigurationServer, from_name: str
    ) -> EmailServer:
        assert given.settings is not None
        if given.enabled is not None and given.enabled.value and self._fixed:
            raise errors.SettingFixed(servers.SETTING)
        wanted = _given(given.provider, given.settings)
        wanted = replace(wanted, from_name=from_name or wanted.from_name)
        if given.id:
            return await servers.change(call, given.id, wanted, place="server.settings")
        return await servers.create(call, wanted, place="server.settings")

    async def _in_force(self, call: Call) -> EmailServer | None:
        return None if self._fixed else await servers.in_force(call.db)


class EmailPreviewService:
    """One async method per rpc; ``color`` returns that of buttons, as it is now."""

    def __init__(self, color: Callable[[], str]) -> None:
        self._color = color

    async def preview_email_template(
        self, request: own_pb.PreviewEmailTemplateRequest, _call: Call
    ) -> own_pb.PreviewEmailTemplateResponse:
        use_case = _use_case(request.use_case, "use_case").name
        said = await asyncio.to_thread(
            previews.preview, use_case, _contents(request), self._color()
        )
        return own_pb.PreviewEmailTemplateResponse(
            subject=said.subject, html_content=said.html, plain_content=said.text
        )

    async def send_test_email(
        self, request: own_pb.SendTestEmailRequest, call: Call
    ) -> own_pb.SendTestEmailResponse:
        use_case, contents = _TRIED, dict[str, str]()
        if request.template is not None:
            use_case = _use_case(request.template.use_case, "template.use_case").name
            contents = _contents(request.template)
        mail_id = await previews.send(
            call, request.to, use_case, contents, request.server_id, color=self._color()
        )
        return own_pb.SendTestEmailResponse(mail_id=mail_id)


class MailService:
    async def list_mail(
        self, request: mail_pb.ListMailRequest, call: Call
    ) -> mail_pb.ListMailResponse:
        page = await service.page(
            call.db,
            state=request.state,
            recipient=request.recipient,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return mail_pb.ListMailResponse(
            mail=[_email_message(one) for one in page.items], next_page_token=page.next_page_token
        )

    async def get_mail(
        self, request: mail_pb.GetMailRequest, call: Call
    ) -> mail_pb.GetMailResponse:
        _check_id(request.mail_id)
        found = await service.find(call.db, request.mail_id)
        if found is None:
            raise errors.NotFound("mail")
        return mail_pb.GetMailResponse(mail=_email_message(found[0]))

    async def retry_mail(
        self, request: mail_pb.RetryMailRequest, call: Call
    ) -> mail_pb.RetryMailResponse:
        _check_id(request.mail_id)
        return mail_pb.RetryMailResponse(
            mail=_email_message(await service.send_again(call, request.mail_id))
        )


def _check_id(mail_id: str) -> None:
    if not ids.well_formed(ids.MAIL, mail_id):
        raise errors.NotFound("mail")


def _email_message(mail: Email) -> mail_pb.Mail:
    message = mail_pb.Mail(
        id=mail.id,
        organization_id=mail.organization_id or "",
        recipient=mail.recipient,
        template=mail.template,
        state=mail.state,
        attempts=mail.attempts,
        problem=mail.problem or "",
        create_time=timestamp(mail.create_time),
    )
    if mail.state == QUEUED:
        message.due_time = timestamp(mail.due_time)
    if mail.sent_time is not None:
        message.sent_time = timestamp(mail.sent_time)
    return message


def _organization(given: str) -> str | None:
    return None if given in {"", "-"} else given


def _use_case(given: pb.TemplateUsecase, field: str) -> UseCase:
    found = USE_CASES.get(given.name or "")
    if found is None:
        raise errors.InvalidArgument.field(field, "enum.defined_only", "is not a use case")
    return found


def _contents(request: own_pb.PreviewEmailTemplateRequest) -> dict[str, str]:
    return {name: getattr(request, name) for name in _CONTENTS}


def _masked(paths: Collection[str]) -> Collection[str]:
    names = [path.removeprefix("template.") for path in paths]
    unknown = next((name for name in names if name not in _CONTENTS), None)
    if unknown is not None:
        raise errors.InvalidArgument.field(
            "update_mask", "path", f"{unknown[:60]!r} is not subject, html_content or plain_content"
        )
    return names


def _given(
    provider: pb.EmailServerProvider,
    settings: (
        pb.SMTPServerSettings
        | pb.PatchSMTPServerSettings
        | pb.UpsertEmailConfigurationSMTPServerSettings
    ),
) -> EmailServerInput:
    return EmailServerInput(
        provider=provider.name or "",
        host=settings.host,
        port=settings.port,
        username=settings.username,
        password=settings.password,
        from_email=settings.from_email,
        from_name=settings.from_name,
    )


def _server(server: EmailServer) -> pb.EmailServer:
    return pb.EmailServer(
        updated_at=timestamp(server.update_time),
        id=server.id,
        provider=pb.EmailServerProvider[server.provider],
        enabled=server.enabled,
        settings=Oneof(
            "smtp_settings",
            pb.SMTPServerSettings(
                host=server.host,
                port=server.port,
                username=server.username,
                from_email=server.from_email,
                from_name=server.from_name,
            ),
        ),
    )


def _selected(server: EmailServer | None) -> pb.EmailServerType:
    return pb.EmailServerType.INHOUSE if server is None else pb.EmailServerType.CUSTOMER


def _template(template: EmailTemplate) -> pb.Template:
    return pb.Template(
        updated_at=timestamp(template.update_time),
        id=template.id,
        use_case=pb.TemplateUsecase[template.use_case],
        enabled=template.enabled,
        **custom_templates.contents_of(template),
        placeholders=list(USE_CASES[template.use_case].placeholders),
    )


def _all_use_cases(color: str) -> pb.GetTemplateUseCasesResponse:
    return pb.GetTemplateUseCasesResponse(
        use_cases=[_use_case_message(one, color) for one in USE_CASES.values()]
    )


def _use_case_message(one: UseCase, color: str) -> pb.TemplateUsecaseWithPlaceholders:
    return pb.TemplateUsecaseWithPlaceholders(
        use_case=pb.TemplateUsecase[one.name],
        title=one.title,
        description=one.description,
        placeholders=[_placeholder(PLACEHOLDERS[name]) for name in one.placeholders],
        display=one.is_sent,
        default_template=_draft(one, draft(one, color)),
    )


def _placeholder(one: Placeholder) -> pb.Placeholder:
    return pb.Placeholder(
        name=one.name,
        title=one.title,
        description=one.description,
        display=True,
        category=one.category,
        category_priority=CATEGORIES.index(one.category),
    )


def _draft(one: UseCase, ours: Content) -> pb.Template:
    return pb.Template(
        use_case=pb.TemplateUsecase[one.name],
        subject=ours.subject,
        html_content=ours.html,
        plain_content=ours.text,
        placeholders=list(one.placeholders),
    )
