"""Settings of organizations, clients, the event log and webhooks."""

from __future__ import annotations

from dataclasses import dataclass

from tenantry.settings import values
from tenantry.settings.declaration import setting


@dataclass(frozen=True, kw_only=True)
class TenancySettings:
    """Settings of organizations, clients, the event log and webhooks."""

    # Tenants: organizations, domains, members
    region: str = setting(
        "US", values.one_of("US", "EU"), "Region code of every organization in this deployment."
    )
    visible_metadata: tuple[str, ...] = setting(
        "",
        lambda text: tuple(key.strip() for key in text.split(",") if key.strip()),
        "Metadata keys of organizations, memberships and users, separated by commas, that "
        "signed-in users and the admin portal may read through the API; none by default.",
    )
    domain_txt_label: str = setting(
        "_tenantry-domain-verification",
        values.txt_label,
        "Label of the TXT record that verifies a domain, in front of the domain.",
    )
    dns_resolver: tuple[str, ...] = setting(
        "",
        values.resolvers,
        "HOST:PORT of the DNS servers, separated by commas, that are asked for TXT records; "
        "empty for the system's.",
    )
    invitation_days: int = setting(
        "15",
        values.count(1, 30),
        "Days until an invitation expires.",
        stored=True,
    )
    block_disposable_emails: bool = setting(
        "false",
        values.switch,
        "Reject invitations and members with a disposable email address.",
        stored=True,
    )
    block_public_emails: bool = setting(
        "false",
        values.switch,
        "Reject invitations and members with an address of a public email provider.",
        stored=True,
    )
    portal_roles: tuple[str, ...] = setting(
        "",
        values.role_names,
        "Names of the roles, separated by commas, that an admin portal link may assign to "
        "directory groups; when empty, every role without built-in permissions (sk_...) beyond "
        "those of the organization's default member role.",
        stored=True,
    )
    google_workspace_url: str = setting(
        "",
        values.url_of_gateway,
        "URL of a gateway to the Google Workspace API, with the paths /token and "
        "/admin/directory/v1; Google's API when empty.",
    )

    directory_secret_overlap_hours: int = setting(
        "24",
        values.count(0, 8760),
        "Default number of hours that directory secrets stay valid after they are regenerated.",
    )

    # Access: clients and API tokens
    application_api_access: bool = setting(
        "true",
        values.switch,
        "Allow the secret of a new application to call the whole management API, unless the "
        "request that creates it specifies this; false is safer, but Scalekit's Python SDK then "
        "does not start.",
    )
    resource_token_issuer: str = setting(
        "resource",
        values.one_of("resource", "environment"),
        "The iss claim of access tokens for resources: the issuer of the resource, as in its "
        "metadata, or the public URL, for servers that verify tokens of earlier Scalekit versions.",
    )
    token_events: str = setting(
        "first",
        values.one_of("none", "first", "all"),
        "Access tokens that emit an event: none, the first of each client on a day, or all.",
    )
    api_token_prefix: str = setting(
        "tnat_",
        values.token_prefix,
        "Prefix of new API tokens, for secret scanners.",
    )

    # Events: the log, its streams, webhooks
    event_retention_days: int = setting(
        "400", values.count(0, 36500), "Days that events are kept; 0 for no limit."
    )
    log_streams: tuple[str, ...] = setting(
        "",
        values.log_streams,
        "URLs, separated by commas, that every event is copied to: file:///path, "
        "syslog+tcp://host:601, syslog+udp://, syslog+tls://, otlp+https://host/v1/logs.",
        secret=True,
    )
    outgoing_allow: tuple[str, ...] = setting(
        "",
        values.networks,
        "Non-public networks in CIDR notation, separated by commas, to which webhooks may be "
        "sent, also over http://. In development, loopback is allowed without it.",
    )
    webhook_retries: tuple[int, ...] = setting(
        "0,5,300,1800,7200,18000,36000,36000",
        values.schedule,
        "Seconds before each delivery attempt, separated by commas.",
    )
    webhook_timeout_seconds: int = setting(
        "10", values.count(1, 60), "Timeout of a webhook endpoint, in seconds."
    )
    webhook_disable_days: int = setting(
        "5",
        values.count(0, 365),
        "Days of failed attempts after which a webhook endpoint is disabled; 0 for never.",
    )
    delivery_retention_days: int = setting(
        "30", values.count(1, 3650), "Days that finished webhook deliveries are kept."
    )
