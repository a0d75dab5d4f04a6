"""The event log, webhooks, interceptors and mail."""

from __future__ import annotations

from tenantry.services.service import Service


def events() -> Service:
    from tenantry.events.event_log.rpc import EventsService
    from tenantry.gen.scalekit.v1.events import events_pb
    from tenantry.tenants.portal_links.rpc import PortalEventService

    return Service(
        events_pb,
        lambda _: (
            EventsService(),
            PortalEventService(),
        ),
    )


def event_records() -> Service:
    from tenantry.events.event_log.rpc import EventRecordService
    from tenantry.gen.tenantry.v1 import event_records_pb

    return Service(event_records_pb, lambda _: (EventRecordService(),))


def mail() -> Service:
    from tenantry.events.email.rpc import MailService
    from tenantry.gen.tenantry.v1 import mail_pb

    return Service(mail_pb, lambda _: (MailService(),))


def webhooks() -> Service:
    from tenantry.events.webhooks.rpc import WebhookService
    from tenantry.gen.tenantry.v1 import webhooks_pb

    return Service(webhooks_pb, lambda c: (WebhookService(allow=c.settings.webhook_allow),))


def emails() -> Service:
    from tenantry.events.email.rpc import EmailService
    from tenantry.gen.scalekit.v1.emails import emails_pb

    return Service(
        emails_pb, lambda c: (EmailService(c.settings, lambda: c.effective.settings.app_color),)
    )


def email_previews() -> Service:
    from tenantry.events.email.rpc import EmailPreviewService
    from tenantry.gen.tenantry.v1 import email_previews_pb

    return Service(
        email_previews_pb, lambda c: (EmailPreviewService(lambda: c.effective.settings.app_color),)
    )


def interceptors() -> Service:
    from tenantry.events.interceptors.rpc import InterceptorService
    from tenantry.gen.scalekit.v1.interceptors import interceptors_pb
    from tenantry.identity.grants import claims
    from tenantry.identity.grants.rpc import TokenPreviewService
    from tenantry.identity.token_templates.rpc import TokenTemplateService

    return Service(
        interceptors_pb,
        lambda c: (
            InterceptorService(c.interceptors),
            TokenTemplateService(
                room=claims.room(c.settings.public_url, compact=c.settings.compact_tokens)
            ),
            TokenPreviewService(issuer=c.settings.public_url, compact=c.settings.compact_tokens),
        ),
    )


def interceptor_secrets() -> Service:
    from tenantry.events.interceptors.rpc import InterceptorSecretService
    from tenantry.gen.tenantry.v1 import interceptor_secrets_pb

    return Service(interceptor_secrets_pb, lambda c: (InterceptorSecretService(c.interceptors),))
