"""Providers that applications reach by their own connections, each a row of data.

A provider whose endpoints lie at an address of each customer's (a shop, a help desk) is not here:
its connection is one of CUSTOM, with the addresses that it is given.
"""

from __future__ import annotations

from dataclasses import dataclass

CUSTOM, GOOGLEDWD = "CUSTOM", "GOOGLEDWD"
_GOOGLE_TOKEN = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a provider authorizes (RFC 6749 section 3), and where it says whose token one is."""

    authorize_uri: str
    token_uri: str
    user_info_uri: str


_GOOGLE = Endpoints(
    "https://accounts.google.com/o/oauth2/v2/auth",
    _GOOGLE_TOKEN,
    "https://openidconnect.googleapis.com/v1/userinfo",
)
_ATLASSIAN = Endpoints(
    "https://auth.atlassian.com/authorize",
    "https://auth.atlassian.com/oauth/token",
    "https://api.atlassian.com/me",
)
_MICROSOFT = Endpoints(
    "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
    "https://login.microsoftonline.com/common/oauth2/v2.0/token",
    "https://graph.microsoft.com/v1.0/me",
)
# By provider_key.
OAUTH_PROVIDERS = {
    CUSTOM: Endpoints("", "", ""),
    "AIRTABLE": Endpoints(
        "https://airtable.com/oauth2/v1/authorize",
        "https://airtable.com/oauth2/v1/token",
        "https://api.airtable.com/v0/meta/whoami",
    ),
    "ASANA": Endpoints(
        "https://app.asana.com/-/oauth_authorize",
        "https://app.asana.com/-/oauth_token",
        "https://app.asana.com/api/1.0/users/me",
    ),
    "CALENDLY": Endpoints(
        "https://auth.calendly.com/oauth/authorize",
        "https://auth.calendly.com/oauth/token",
        "https://api.calendly.com/users/me",
    ),
    "CLICKUP": Endpoints(
        "https://app.clickup.com/api",
        "https://api.clickup.com/api/v2/oauth/token",
        "https://api.clickup.com/api/v2/user",
    ),
    "CONFLUENCE": _ATLASSIAN,
    "DISCORD": Endpoints(
        "https://discord.com/oauth2/authorize",
        "https://discord.com/api/oauth2/token",
        "https://discord.com/api/users/@me",
    ),
    "DROPBOX": Endpoints(
        "https://www.dropbox.com/oauth2/authorize",
        "https://api.dropboxapi.com/oauth2/token",
        "https://api.dropboxapi.com/2/users/get_current_account",
    ),
    "GITHUB": Endpoints(
        "https://github.com/login/oauth/authorize",
        "https://github.com/login/oauth/access_token",
        "https://api.github.com/user",
    ),
    "GITLAB": Endpoints(
        "https://gitlab.com/oauth/authorize",
        "https://gitlab.com/oauth/token",
        "https://gitlab.com/oauth/userinfo",
    ),
    "GMAIL": _GOOGLE,
    "GOOGLE": _GOOGLE,
    "GOOGLECALENDAR": _GOOGLE,
    "GOOGLEDOCS": _GOOGLE,
    "GOOGLEDRIVE": _GOOGLE,
    "GOOGLESHEETS": _GOOGLE,
    "HUBSPOT": Endpoints(
        "https://app.hubspot.com/oauth/authorize",
        "https://api.hubapi.com/oauth/v1/token",
        "https://api.hubapi.com/account-info/v3/details",
    ),
    "INTERCOM": Endpoints(
        "https://app.intercom.com/oauth",
        "https://api.intercom.io/auth/eagle/token",
        "https://api.intercom.io/me",
    ),
    "JIRA": _ATLASSIAN,
    "LINEAR": Endpoints(
        "https://linear.app/oauth/authorize",
        "https://api.linear.app/oauth/token",
        "https://api.linear.app/graphql",
    ),
    "LINKEDIN": Endpoints(
        "https://www.linkedin.com/oauth/v2/authorization",
        "https://www.linkedin.com/oauth/v2/accessToken",
        "https://api.linkedin.com/v2/userinfo",
    ),
    "MICROSOFT": _MICROSOFT,
    "NOTION": Endpoints(
        "https://api.notion.com/v1/oauth/authorize",
        "https://api.notion.com/v1/oauth/token",
        "https://api.notion.com/v1/users/me",
    ),
    "OUTLOOK": _MICROSOFT,
    "SALESFORCE": Endpoints(
        "https://login.salesforce.com/services/oauth2/authorize",
        "https://login.salesforce.com/services/oauth2/token",
        "https://login.salesforce.com/services/oauth2/userinfo",
    ),
    "SLACK": Endpoints(
        "https://slack.com/oauth/v2/authorize",
        "https://slack.com/api/oauth.v2.access",
        "https://slack.com/api/auth.test",
    ),
    "ZOOM": Endpoints(
        "https://zoom.us/oauth/authorize",
        "https://zoom.us/oauth/token",
        "https://api.zoom.us/v2/users/me",
    ),
}
# Where a service account that acts for people of a domain gets tokens (RFC 7523); by provider_key.
DELEGATED_PROVIDERS = {GOOGLEDWD: _GOOGLE_TOKEN}
