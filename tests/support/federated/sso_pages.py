"""Pages of connections as a browser sees them, without one: links, forms, what they say."""

from __future__ import annotations

import html
import re


class Pages:
    """The pages of one organization in one frame; ``cookie`` is the visitor's."""

    def __init__(self, http, cookie, root="/portal/sso") -> None:
        self.http = http
        self.root = root
        self.headers = {"cookie": cookie, "sec-fetch-site": "same-origin"}

    async def get(self, path=""):
        answer = await self.http.get(self.root + path, headers=self.headers)
        assert answer.status_code in {200, 403, 404}, answer.text
        return answer

    async def text(self, path=""):
        """The text of a page, without its markup."""
        answer = await self.get(path)
        assert answer.status_code == 200, answer.text
        return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.text)))

    async def post(self, path, data=None, **files: object):
        """Send a form, as multipart where it has files; the page that follows."""
        given = {"files": files} if files else {}
        answer = await self.http.post(
            self.root + path, data=data or {}, headers=self.headers, **given
        )
        assert answer.status_code == 303, answer.text
        place = answer.headers["location"]
        followed = await self.http.get(place, headers=self.headers)
        assert followed.status_code == 200, followed.text
        return place, followed.text

    async def done(self, path, data=None, **files: object):
        """Send a form that is taken; what the page says then."""
        place, text = await self.post(path, data, **files)
        assert "failed=" not in place, problems(text)
        found = re.search(r'(?s)role="status">.*?<span>(.*?)</span>', text)
        return html.unescape(found[1])

    async def refused(self, path, data=None, **files: object):
        """Send a form that is not taken; its problems by the field's id, and the page."""
        place, text = await self.post(path, data, **files)
        assert "failed=" in place, text
        return problems(text), text

    async def make(self, guide, protocol):
        """Make a connection; the path of its pages."""
        answer = await self.http.post(
            f"{self.root}/new/{guide}", data={"protocol": protocol}, headers=self.headers
        )
        assert answer.status_code == 303, answer.text
        return "/" + re.search(r"conn_\d+", answer.headers["location"])[0]


def problems(text):
    """The problems that a page tells, by the ids of their fields, "" for none."""
    beside = re.findall(r'<p class="error" id="([\w-]+)-problem" role="alert">(.*?)</p>', text)
    top = re.findall(r'class="alert" role="alert">(.*?)</p>', text)
    found = [*beside, *(("", one) for one in top)]
    return {name: html.unescape(re.sub(r"<[^>]*>", "", said)) for name, said in found}


def value_of(text, name):
    """The value of a field of a page."""
    found = re.search(rf'<textarea id="{name}"[^>]*>([^<]*)</textarea>', text)
    if found is None:
        found = re.search(rf'<input id="{name}"[^>]*? value="([^"]*)"', text)
    return html.unescape(found[1]) if found else ""
