"""A browser without scripts: it keeps cookies, follows redirects, and fills in what pages ask for.

It goes from page to page of one server. Where that sends it to an application, it stops and says
what the application would be sent: by a redirect, or by a form that posts itself.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

if TYPE_CHECKING:
    import httpx

_SELF_POSTING = "/oauth/form_post.js"
_MOST_REDIRECTS = 10
_ADDRESSES = (f"198.19.{n // 250}.{n % 250 + 1}" for n in itertools.count())


@dataclass
class Form:
    """A form of a page: where it goes, and what its fields hold."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


@dataclass
class Page:
    """The page that the person sees."""

    url: str
    status: int
    text: str
    headers: httpx.Headers

    @property
    def forms(self) -> list[Form]:
        found = _Forms()
        found.feed(self.text)
        return found.forms

    def form(self, name: str) -> Form | None:
        """The first form that has this field."""
        return next((form for form in self.forms if name in form.fields), None)

    @property
    def is_sign_in(self) -> bool:
        """Whether it asks who somebody is."""
        return self.form("email") is not None

    @property
    def language(self) -> str:
        return _attribute_of(self.text, "html", "lang")


@dataclass
class Callback:
    """The request to the application: a GET of the URL, or a POST with this body."""

    url: str
    body: str | None = None

    @property
    def redirect_uri(self) -> str:
        """Where it was sent, without what it was told."""
        return urlsplit(self.url)._replace(query="", fragment="").geturl()

    @property
    def members(self) -> dict[str, str]:
        """The parameters that it got."""
        told = urlsplit(self.url).query if self.body is None else self.body
        pairs = parse_qsl(told, keep_blank_values=True, strict_parsing=bool(told))
        assert len(dict(pairs)) == len(pairs), told
        return dict(pairs)

    @property
    def as_json(self) -> dict[str, str | None]:
        return {"url": self.url, "body": self.body}


class UserAgent:
    """One browser, of one person."""

    def __init__(self, http: httpx.AsyncClient, base_url: str) -> None:
        self._http = http
        self._base_url = base_url
        self._cookies: dict[str, str] = {}
        self._strict: dict[str, str] = {}  # those with SameSite=Strict
        self._address = next(_ADDRESSES)
        self.pages: list[Page] = []  # that it has shown

    async def open(self, url: str) -> Page | Callback:
        """Follow a link of an application."""
        return await self._go("GET", url, site="cross-site")

    async def post(self, url: str, form: dict[str, str]) -> Page | Callback:
        """Send a form of an application's page."""
        return await self._go("POST", url, site="cross-site", body=urlencode(form))

    async def submit(self, page: Page, form: Form, **fields: str) -> Page | Callback:
        """Fill in a form of a page, and send it."""
        assert form.method == "post", form
        body = urlencode(form.fields | fields)
        return await self._go("POST", urljoin(page.url, form.action), site="same-origin", body=body)

    async def _go(self, verb: str, url: str, *, site: str, body: str = "") -> Page | Callback:
        for _ in range(_MOST_REDIRECTS):
            if not self._is_here(url):
                assert verb == "GET", "a redirect that repeats a form, with a password in it"
                return Callback(url)
            answer = await self._ask(verb, url, site, body)
            if answer.status_code not in {302, 303}:
                return self._shown(url, answer)
            verb, body = "GET", ""
            url = urljoin(url, answer.headers["location"])
        raise AssertionError(f"redirected for ever, at last to {url}")

    async def _ask(self, verb: str, url: str, site: str, body: str) -> httpx.Response:
        headers = {
            "accept": "text/html",
            "accept-language": "en",
            "x-forwarded-for": self._address,
            "sec-fetch-site": site,
            "sec-fetch-mode": "navigate",
        }
        if verb == "POST":
            headers["origin"] = self._base_url if site == "same-origin" else "https://app.example"
            headers["content-type"] = "application/x-www-form-urlencoded"
        # SameSite=Lax: they go with links from elsewhere, and with no forms from there.
        lax = self._cookies if verb == "GET" or site == "same-origin" else {}
        sent = lax | (self._strict if site == "same-origin" else {})
        if sent:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in sent.items())
        answer = await self._http.request(verb, url, headers=headers, content=body)
        for line in answer.headers.get_list("set-cookie"):
            self._keep(line)
        return answer

    def _keep(self, line: str) -> None:
        pair, *attributes = [part.strip() for part in line.split(";")]
        name, _, value = pair.partition("=")
        said = {attribute.lower() for attribute in attributes}
        assert {"secure", "httponly", "path=/"} <= said, line
        assert said & {"samesite=lax", "samesite=strict"}, line
        kept = self._strict if "samesite=strict" in said else self._cookies
        assert name.startswith("__Host-"), line
        assert not any(one.startswith("domain") for one in said), line
        if "max-age=0" in said:
            kept.pop(name, None)
        else:
            kept[name] = value

    def _shown(self, url: str, answer: httpx.Response) -> Page | Callback:
        page = Page(url, answer.status_code, answer.text, answer.headers)
        if f'src="{_SELF_POSTING}"' in page.text:
            (form,) = page.forms
            assert form.method == "post"
            return Callback(urljoin(url, form.action), urlencode(form.fields))
        self.pages.append(page)
        return page

    def _is_here(self, url: str) -> bool:
        here, there = urlsplit(self._base_url), urlsplit(url)
        return (here.scheme, here.netloc) == (there.scheme, there.netloc)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(named.get("action", ""), named.get("method", "get").lower()))
        elif tag == "input" and self.forms and "name" in named:
            self.forms[-1].fields[named["name"]] = named.get("value", "")


def _attribute_of(text: str, tag: str, name: str) -> str:
    found: list[str] = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag_: str, attrs: Any) -> None:
            if tag_ == tag:
                found.append(dict(attrs).get(name) or "")

    Parser().feed(text)
    return found[0] if found else ""
