"""The base of sites for people: errors as pages, forms from the server's own pages only, then a
redirect.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

from tenantry.core import errors, urlencoded
from tenantry.db.engine import Failure
from tenantry.db.writes.retries import retried
from tenantry.i18n.languages import DEFAULT
from tenantry.net.http import ClientGone, Request, Response, Route
from tenantry.web import marks, words
from tenantry.web.compression import compress
from tenantry.web.forms.places import Places
from tenantry.web.forms.problems import NONE, Problems, decrypt, encrypt
from tenantry.web.rendering import redirect

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from tenantry.crypto.vault import Vault
    from tenantry.web.rendering import Pages
    from tenantry.web.words import Words

    Handler = Callable[[Request], Awaitable[Response]]

_FAILED = "failed"  # the member of the query that holds the problems of a form
_READS = ("GET", "HEAD")
# Errors after which the same page may come about: it is where to go back to.
_PASSING = (errors.RateLimited, errors.Busy, errors.OutcomeUnknown)
_log = logging.getLogger(__name__)


class Site:
    """The base of all handlers of a site.

    Forms are posted below their page; ``depth`` is the number of segments that its path has at
    most, None for any.
    """

    # The section of the words that says an error, where there is one for it: the first that fits.
    sections: ClassVar[Mapping[type[errors.Error], str]] = {
        errors.RateLimited: "limited",
        errors.DatabaseUnavailable: "away",
        errors.Busy: "busy",
        errors.OutcomeUnknown: "unknown",
    }

    def __init__(
        self, pages: Pages, vault: Vault, public_url: str, *, depth: int | None = None
    ) -> None:
        self.pages = pages
        self.public_url = public_url
        self.values: dict[str, object] = {}  # with which sentences about forms are filled
        self._vault = vault
        self._places = Places(depth)

    def served(self, routes: list[Route]) -> list[Route]:
        """Return the routes of the site, and redirects from the addresses of its forms to their
        pages.

        See `places`.
        """
        forms = sorted(self._places.take(routes))
        return [*routes, *(Route("GET", template, self.page(self._to_page)) for template in forms)]

    def holder(self, _request: Request) -> str:
        """Return the secret by which a browser is known, "" for none: problems are for it alone."""
        return ""

    def pages_of(self, _request: Request) -> Pages:
        """Return the pages by which a request is answered: those of the site."""
        return self.pages

    def words(self, request: Request, wanted: Sequence[str] = ()) -> Words:
        """Return the words for the reader of the answer; ``wanted`` are languages named elsewhere.

        See `words.choose`.
        """
        return words.choose(self.pages.site, request.headers.get("accept-language", ""), wanted)

    def page(self, handler: Handler) -> Handler:
        """Return a handler whose errors are pages."""

        async def answered(request: Request) -> Response:
            try:
                return await retried(handler, request)
            except ClientGone:
                raise
            except Exception as problem:  # noqa: BLE001 - people get a page for any error
                return self.refusal(request, problem)

        return answered

    def own(self, handler: Handler) -> Handler:
        """Return a handler of what our own pages send, and nobody else's; errors are pages."""

        async def checked(request: Request) -> Response:
            if not request.origin.is_of(self.public_url):
                return self.pages_of(request).message(
                    "not_same_origin", self.words(request), status=403, back=self.above(request)
                )
            return await handler(request)

        return self.page(checked)

    def form(self, handler: Handler) -> Handler:
        """Return a handler of a form of Tenantry's pages; one that comes too often is told
        there.
        """

        async def limited(request: Request) -> Response:
            try:
                return await handler(request)
            except errors.RateLimited as problem:
                return self.failed(request, Problems.limited(problem))

        return self.own(limited)

    def failed(
        self,
        request: Request,
        problems: Problems,
        path: str = "",
        members: Mapping[str, str] | None = None,
    ) -> Response:
        """Return the redirect after a form that was not taken, to its page, which says why.

        ``path`` is that of the page where it is not the one above the form; ``members`` are those
        of its query.
        """
        path = path or self.above(request)
        if problems.until:
            problems = replace(problems, given={**problems.given, "limited": request.path})
        encrypted = encrypt(problems, self._vault, self._bound(request, path))
        return self.redirect(f"{path}?{urlencode({**(members or {}), _FAILED: encrypted})}")

    def problems(self, request: Request) -> Problems:
        """Return the problems of the form that led to this page."""
        encrypted = query(request, _FAILED)
        return (
            decrypt(encrypted, self._vault, self._bound(request, request.path))
            if encrypted
            else NONE
        )

    def show(
        self,
        request: Request,
        template: str,
        words_: Words,
        problems: Problems | None = None,
        *,
        packs: bool = False,
        **values: Any,
    ) -> Response:
        """Return a page of the site, with the problems of the form that led to it.

        ``packs`` says that it may be compressed (`compression`), as no secret is on it. While
        nothing may be tried again, the status is 429 (RFC 6585 section 4).
        """
        problems = self.problems(request) if problems is None else problems
        response = self.pages_of(request).render(
            template,
            words_,
            status=429 if problems.wait else 200,
            problems=problems.said(words_, {**self.values, **_told(problems, words_)}),
            wait=problems.wait,
            limited=problems.given.get("limited", ""),
            **{"given": problems.given, **values},
        )
        if problems.wait:
            response.headers["retry-after"] = str(problems.wait)
        if packs:
            compress(request, response)
        return response

    def redirect(self, location: str) -> Response:
        """Return a redirect to another page."""
        return redirect(location)

    def here(self, request: Request) -> str:
        """Return the address that a request is for."""
        return f"{request.path}?{request.query}" if request.query else request.path

    def above(self, request: Request) -> str:
        """Return the page to go back to, "" for none: that of a form, or the one above a page."""
        if request.verb in _READS:
            return self._places.above(request.path)
        return self._places.of_form(request.path)

    def refusal(self, request: Request, problem: Exception) -> Response:
        """Return an error as a page."""
        if isinstance(problem, Failure):
            problem = problem.error()
        said, pages = self.words(request), self.pages_of(request)
        passing = not isinstance(problem, errors.Error) or isinstance(problem, _PASSING)
        again = passing and request.verb in _READS
        back = self.here(request) if again else self.above(request)
        if not isinstance(problem, errors.Error):
            fields = {"request_id": request.request_id}
            _log.error("unexpected error", exc_info=problem, extra={"fields": fields})
            quoted = request.request_id
            response = pages.message("broken", said, status=500, quoted=quoted, back=back)
            response.error = errors.Code.INTERNAL.name
            return response
        found = (key for kind, key in self.sections.items() if isinstance(problem, kind))
        section = next(found, "refused")
        response = pages.message(section, said, status=problem.status, back=back)
        response.headers |= problem.headers
        response.error = problem.name
        return response

    async def _to_page(self, request: Request) -> Response:
        return self.redirect(self._places.of_form(request.path))

    def _bound(self, request: Request, path: str) -> str:
        return f"{path} {self.holder(request)}"


def place_of(problem: errors.Error, fields: Mapping[str, str]) -> str:
    """Return the field of a form that an error of the API is about, "" for none of them.

    ``fields`` are ids of the form's fields by the paths that the API names.
    """
    named = (each.field for each in problem.violations)
    return next((fields[field] for field in named if field in fields), "")


def query(request: Request, name: str, *, strict: bool = False) -> str:
    """Return a member of the query, "" without it; no database keeps one that holds a NUL."""
    try:
        members = urlencoded.members(request.query, most=20, errors="replace")
    except ValueError:
        return ""
    found = next((value for given, value in members if given == name and value), "")
    if "\x00" in found:
        if not strict:
            return ""
        raise errors.InvalidArgument.field(name, "string.nul", "must not contain a NUL character")
    return found


def _told(problems: Problems, words_: Words) -> dict[str, str]:
    """Return the sentence of an error and one for the reader, as problems fill them in."""
    problem = problems.given.get("", "")
    is_english = words_.language == DEFAULT
    return {
        "problem": problem if is_english else marks.english(problem),
        "told": problems.given.get("told", ""),
    }
