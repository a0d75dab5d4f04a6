"""Pages as HTML, with the headers that all of them have."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from protobuf import message_to_json_value

from tenantry.api.descriptors import enum_name
from tenantry.core.times import clock, plainly, rfc3339
from tenantry.events.email import words as email_words
from tenantry.net.http import Response
from tenantry.web import avatars, branding, fonts, marks, provider_marks
from tenantry.web.icons import icon
from tenantry.web.themes import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jinja2 import Environment

    from tenantry.web.assets import Asset
    from tenantry.web.branding import Brand
    from tenantry.web.themes import Theme, Themes
    from tenantry.web.words import Words

# Addresses of these pages open a sign-in: they are told to no other site, but to us, or
# a browser would send the Origin `null` with a form. No form-action: browsers hold it against the
# redirects that follow a form as well, and those lead to the application.
HEADERS = {
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
}
_CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; font-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; img-src "
)
# Of pages without forms, for developers and operators.
PLAIN_HEADERS = HEADERS | {
    "referrer-policy": "no-referrer",
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
}
PLAIN_STYLE = "web/static/plain.css"  # what a site with plain pages puts before its own style


@dataclass(frozen=True, slots=True)
class Pages:
    """Renders the pages of one site; its folder has `templates/`, of which `layout` is the frame.

    ``styles`` and ``scripts`` are those that the site's pages load beside what all do, and
    ``defaults`` the values of its layout that not every page gives.
    """

    site: str
    themes: Themes
    layout: str = "base.html"
    styles: tuple[Asset, ...] = ()
    scripts: tuple[Asset, ...] = ()
    defaults: Mapping[str, object] = field(default_factory=dict)
    kind: Kind = Kind.LOGIN

    @property
    def theme(self) -> Theme:
        """The look as it is now."""
        return self.themes.now(self.kind)

    def render(
        self,
        template: str,
        words: Words,
        *,
        brand: Brand | None = None,
        status: int = 200,
        logos: Iterable[str] = (),
        **values: object,
    ) -> Response:
        """Return a page of the deployment, or of another brand.

        ``template`` is one of the site's; ``logos`` are shown beside that of the brand.
        """
        return self._render(
            f"{self.site}/templates/{template}",
            words,
            values,
            brand=brand or self.theme.brand,
            status=status,
            logos=logos,
        )

    def message(
        self,
        key: str,
        words: Words,
        *,
        status: int = 200,
        said: str = "",
        quoted: str = "",
        back: str = "",
        link: tuple[str, object] | None = None,
        brand: Brand | None = None,
    ) -> Response:
        """Return a page that says one thing, which the words have under this key.

        ``said`` is what somebody else says about it, and ``quoted`` what to quote to support.
        ``link`` leads on: an address and its text; without one, ``back`` is the Tenantry page to
        return to.
        """
        values = {
            "key": key,
            "said": said,
            "quoted": quoted,
            "link": link or (back and (back, words("page.back"))),
        }
        brand = brand or self.theme.brand
        return self._render("message.html", words, values, brand=brand, status=status)

    def _render(
        self,
        template: str,
        words: Words,
        values: Mapping[str, object],
        *,
        brand: Brand,
        status: int,
        logos: Iterable[str] = (),
    ) -> Response:
        theme = self.theme
        shared = {
            "layout": self.layout,
            "t": words,
            "brand": brand,
            "support": theme.support,
            "tab_icon": theme.icon,
            "tab_icon_url": theme.icon_url,
            "logo_inside": theme.logo_inside,
            "social_first": theme.social_first,
            "fonts": fonts.built(),
            "styles": (theme.style, *self.styles),
            "scripts": self.scripts,
            "countdown": theme.countdown,
        }
        origins = {
            branding.origin(logo) for logo in (brand.logo_url, theme.icon_url, *logos) if logo
        }
        policy = _CSP + " ".join(sorted({"'self'", *origins}))
        return page(
            template,
            {"problems": {}, "wait": 0, "limited": "", **self.defaults, **values, **shared},
            status=status,
            headers=HEADERS | {"content-security-policy": policy},
        )


def page(
    template: str,
    values: Mapping[str, object],
    *,
    status: int = 200,
    headers: Mapping[str, str] = PLAIN_HEADERS,
) -> Response:
    """Return a page with these headers.

    ``template`` is a shared one, such as message.html, or one of a site, such as
    home/templates/home.html.
    """
    response = Response.html(environment().get_template(template).render(values), status)
    response.headers |= headers
    return response


def redirect(location: str) -> Response:
    """Return a redirect to another page."""
    response = Response.redirect(location)
    response.headers |= HEADERS
    return response


def json_response(content: Any, status: int = 200) -> Response:
    """Return the answer to a script of a page."""
    response = Response.json(content, status)
    response.headers |= HEADERS
    return response


@functools.cache
def environment() -> Environment:
    """Return what all templates are rendered by."""
    # Start time: many processes never need it.
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=ChoiceLoader(
            [PackageLoader("tenantry.web"), PackageLoader("tenantry", "endpoints")]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "clock": clock,
        "dated": email_words.date,
        "iso": rfc3339,
        "enum_name": enum_name,
        "json_time": message_to_json_value,
        "plainly": plainly,
        "initial": branding.initial,
        "shown_logo": branding.shown_logo,
        "labelled": marks.labelled,
        "clicks": marks.clicks,
        "english": marks.english,
        "spoken": marks.spoken,
        "avatar": avatars.avatar,
        "provider_mark": provider_marks.provider_mark,
        "merged": lambda query, /, **members: {**query, **members},
    }
    made.globals["icon"] = icon
    return made
