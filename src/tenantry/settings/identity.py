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
        "Product name on the sign-in pages and in their email; the client's name when empty.",
        stored=True,
    )
    app_logo_url: str = setting(
        "", values.picture, "https:// URL of the product's logo on the sign-in pages.", stored=True
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
        "Support email address, shown on the sign-in pages.",
        stored=True,
    )
    organization_name: str = setting(
        "",
        values.line,
        "The product's term for an organization, such as workspace; used in email.",
        stored=True,
    )
    app_icon_url: str = setting(
        "",
        values.picture,
        "https:// URL of the icon of all pages; generated from the name when empty.",
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
        "Corner radius on the sign-in pages: S, M or L.",
        stored=True,
    )
    login_logo_position: str = setting(
        "OUTSIDE",
        values.one_of("INSIDE", "OUTSIDE"),
        "Logo position on the sign-in pages, relative to the box: INSIDE or OUTSIDE.",
        stored=True,
    )
    login_logo_alignment: str = setting(
        "CENTER",
        values.one_of("LEFT", "CENTER"),
        "Logo alignment on the sign-in pages: LEFT or CENTER.",
        stored=True,
    )
    login_header_alignment: str = setting(
        "LEFT",
        values.one_of("LEFT", "CENTER"),
        "Heading alignment on the sign-in pages: LEFT or CENTER.",
        stored=True,
    )
    login_social_placement: str = setting(
        "BOTTOM",
        values.one_of("TOP", "BOTTOM"),
        "Position of the social sign-in buttons: TOP or BOTTOM.",
        stored=True,
    )
    login_background_color: str = setting(
        "",
        values.color_or_none,
        "Background color of the sign-in pages; the default when empty.",
        stored=True,
    )
    login_background_style: str = setting(
        "",
        values.background,
        "Background of the sign-in pages, as in the CSS property `background`: colors, gradients "
        "and uploaded pictures; only the color when empty.",
        stored=True,
    )
    organization_branding: bool = setting(
        "true",
        values.switch,
        "Show the name and logo of an organization with its own branding on its pages.",
        stored=True,
    )
    authentication_mode: str = setting(
        FULL_STACK_AUTH,
        values.one_of(FULL_STACK_AUTH, MODULAR_AUTH),
        "FULL_STACK_AUTH: Tenantry manages users and offers all sign-in methods. MODULAR_AUTH: "
        "the application manages its users, and Tenantry only signs them in through identity "
        "providers and identifies them by connection and the provider's ID; the sign-in methods "
        "below are not used.",
    )
    sign_in_methods: tuple[str, ...] = setting(
        "email,passkey",
        values.some_of("email", "passkey", "password"),
        "Sign-in methods, separated by commas: email (code and link), passkey, password.",
        stored=True,
    )
    sign_up: bool = setting(
        "true",
        values.switch,
        "Users without an invitation may sign up and create an organization.",
        stored=True,
    )
    organizations_per_user: int = setting(
        "10",
        values.count(0, 1000),
        "Organizations that one user may create by sign-up; 0 for no limit.",
        stored=True,
    )
    email_code_seconds: int = setting(
        "300",
        values.count(60, 3600),
        "Seconds that an emailed code or link is valid.",
        stored=True,
    )
    email_same_browser: bool = setting(
        "true",
        values.switch,
        "An emailed link signs in only in the browser that requested it.",
        stored=True,
    )
    reject_common_passwords: bool = setting(
        "true",
        values.switch,
        "Reject new passwords that are common, or based on the user's email address or app_name.",
        stored=True,
    )
    password_min_score: int = setting(
        "0",
        values.count(0, 4),
        "Minimum strength of new passwords as estimated by zxcvbn, from 1 to 4 (very hard to "
        "guess); 0 for none.",
        stored=True,
    )
    breached_passwords: Path | None = setting(
        "",
        values.file,
        "File of the SHA-1 hashes of passwords to reject, in upper-case hex, sorted, one per line "
        "(HASH or HASH:COUNT).",
    )
    passkey_origins: tuple[str, ...] = setting(
        "",
        values.origins,
        "Further origins, separated by commas, whose pages may use the passkeys of this one.",
    )
    access_token_minutes: int = setting(
        "5",
        values.count(1, 1440),
        "Lifetime of a user's access token, in minutes.",
        stored=True,
    )
    compact_tokens: bool = setting(
        "true",
        values.switch,
        "Keep a user's tokens small enough for a cookie, without long permission lists and "
        "profiles.",
    )
    fresh_sign_in_minutes: int = setting(
        "10",
        values.count(1, 1440),
        "Minutes after a sign-in in which a user may change sign-in methods without "
        "reauthentication.",
    )
    sso_clock_skew_seconds: int = setting(
        "90",
        values.count(0, 600),
        "Allowed clock skew of identity providers, in seconds.",
    )
    session_absolute_minutes: int = setting(
        "480",
        values.count(2, 525_600),
        "Absolute session lifetime, in minutes.",
        stored=True,
    )
    session_idle_minutes: int = setting(
        "0",
        values.count(0, 10_080),
        "Idle session timeout, in minutes; 0 for none.",
        stored=True,
    )
    session_cookie_persistent: bool = setting(
        "true",
        values.switch,
        "Use a persistent session cookie, which outlives the browser.",
        stored=True,
    )
    session_cookie_same_site: str = setting(
        "lax",
        values.one_of("lax", "none"),
        "SameSite attribute of the session cookie: lax or none.",
        stored=True,
    )
    auth_log_retention_days: int = setting(
        "90", values.count(1, 3650), "Days that sign-ins and ended sessions are kept."
    )
