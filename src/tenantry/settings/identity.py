"""Settings of pages, sign-in methods and sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.settings import values
from tenantry.settings.declaration import setting

if TYPE_CHECKING:
    from pathlib import Path

# Of `authentication_mode`, by the contract's words.
FULL_STACK_AUTH, MODULAR_AUTH = "FULL_STACK_AUTH", "MODULAR_AUTH"


@dataclass(frozen=True, kw_only=True)
class IdentitySettings:
    """Settings of pages, sign-in methods and sessions."""

    app_name: str = setting(
        "",
        values.line,
        "Name of the product, on the sign-in pages and in their mail; the client's when empty.",
        stored=True,
    )
    app_logo_url: str = setting(
        "", values.picture, "https:// URL of its logo on the sign-in pages.", stored=True
    )
    app_color: str = setting(
        "#1f5eff",
        values.color,
        "Color of the buttons on the sign-in pages, such as #1f5eff.",
        stored=True,
    )
    support_email: str = setting(
        "",
        values.mailbox,
        "Address that people may write to when they cannot sign in; shown on the pages.",
        stored=True,
    )
    organization_name: str = setting(
        "",
        values.line,
        "Name that the product has for its organizations, such as workspace; for mail.",
        stored=True,
    )
    app_icon_url: str = setting(
        "",
        values.picture,
        "https:// URL of the icon of all pages; made of the name when empty.",
        stored=True,
    )
    portal_logo_url: str = setting(
        "",
        values.picture,
        "https:// URL of the logo in the admin portal; the product's when empty.",
        stored=True,
    )
    portal_icon_url: str = setting(
        "",
        values.picture,
        "https:// URL of the icon of the admin portal; the product's when empty.",
        stored=True,
    )
    portal_color: str = setting(
        "",
        values.color_or_none,
        "Color of the buttons in the admin portal; the product's when empty.",
        stored=True,
    )
    login_logo_url: str = setting(
        "",
        values.picture,
        "https:// URL of the logo on the sign-in pages; the product's when empty.",
        stored=True,
    )
    login_icon_url: str = setting(
        "",
        values.picture,
        "https:// URL of the icon of the sign-in pages; the product's when empty.",
        stored=True,
    )
    login_border_radius: str = setting(
        "M",
        values.one_of("S", "M", "L"),
        "How round corners are on the sign-in pages: S, M or L.",
        stored=True,
    )
    login_logo_position: str = setting(
        "OUTSIDE",
        values.one_of("INSIDE", "OUTSIDE"),
        "Where the logo is on the sign-in pages, by their box: INSIDE or OUTSIDE.",
        stored=True,
    )
    login_logo_alignment: str = setting(
        "CENTER",
        values.one_of("LEFT", "CENTER"),
        "Where the logo stands on the sign-in pages: LEFT or CENTER.",
        stored=True,
    )
    login_header_alignment: str = setting(
        "LEFT",
        values.one_of("LEFT", "CENTER"),
        "Where headings stand on the sign-in pages: LEFT or CENTER.",
        stored=True,
    )
    login_social_placement: str = setting(
        "BOTTOM",
        values.one_of("TOP", "BOTTOM"),
        "Where the buttons of social providers are on the sign-in pages: TOP or BOTTOM.",
        stored=True,
    )
    login_background_color: str = setting(
        "",
        values.color_or_none,
        "Color behind the sign-in pages; ours when empty.",
        stored=True,
    )
    login_background_style: str = setting(
        "",
        values.background,
        "Background of the sign-in pages, a value of CSS `background`: colors, gradients and "
        "uploaded images; the background color alone when empty.",
        stored=True,
    )
    organization_branding: bool = setting(
        "true",
        values.switch,
        "Pages for an organization that has branding show its name and logo.",
        stored=True,
    )
    authentication_mode: str = setting(
        FULL_STACK_AUTH,
        values.one_of(FULL_STACK_AUTH, MODULAR_AUTH),
        "FULL_STACK_AUTH: users, and all ways to sign in. MODULAR_AUTH: the application keeps its "
        "own users, and takes people from identity providers by way of this server, each known by "
        "its connection and the provider's id; no way to sign in below is in use then.",
    )
    sign_in_methods: tuple[str, ...] = setting(
        "email,passkey",
        values.some_of("email", "passkey", "password"),
        "Ways to sign in, separated by commas: email (code and link), passkey, password.",
        stored=True,
    )
    sign_up: bool = setting(
        "true",
        values.switch,
        "People whom nobody invited may sign up and found an organization.",
        stored=True,
    )
    organizations_per_user: int = setting(
        "10",
        values.count(0, 1000),
        "Organizations that one person may found by sign-up; 0 for any.",
        stored=True,
    )
    email_code_seconds: int = setting(
        "300",
        values.count(60, 3600),
        "Seconds that a code or link sent by mail is good to sign in.",
        stored=True,
    )
    email_same_browser: bool = setting(
        "true",
        values.switch,
        "A link sent by mail signs in only in the browser that asked for it.",
        stored=True,
    )
    breached_passwords: Path | None = setting(
        "",
        values.file,
        "File of SHA-1 hashes in upper-case hex, sorted, one a line (HASH or HASH:COUNT), of "
        "passwords that nobody may choose.",
    )
    passkey_origins: tuple[str, ...] = setting(
        "",
        values.origins,
        "Further origins, separated by commas, whose pages may use the passkeys of this one.",
    )
    access_token_minutes: int = setting(
        "5",
        values.count(1, 1440),
        "Minutes that the access token of a person is good.",
        stored=True,
    )
    compact_tokens: bool = setting(
        "true",
        values.switch,
        "Tokens of a person fit into a cookie: many permissions and a long profile are left out.",
    )
    fresh_sign_in_minutes: int = setting(
        "10",
        values.count(1, 1440),
        "Minutes after a sign-in in which a person may change how they sign in; after them they "
        "show once more who they are.",
    )
    sso_clock_skew_seconds: int = setting(
        "90",
        values.count(0, 600),
        "Seconds that the clock of an identity provider may be ahead or behind.",
    )
    session_absolute_minutes: int = setting(
        "480",
        values.count(2, 525_600),
        "Minutes after which a session ends in any case.",
        stored=True,
    )
    session_idle_minutes: int = setting(
        "0",
        values.count(0, 10_080),
        "Minutes without activity after which a session ends; 0 for never.",
        stored=True,
    )
    session_cookie_persistent: bool = setting(
        "true",
        values.switch,
        "The session outlives the browser: its cookie has an age.",
        stored=True,
    )
    session_cookie_same_site: str = setting(
        "lax",
        values.one_of("lax", "none"),
        "SameSite of the session's cookie: lax or none.",
        stored=True,
    )
    auth_log_retention_days: int = setting(
        "90", values.count(1, 3650), "Days that sign-ins and ended sessions are kept."
    )
