"""The index of the search in the docs, which a page loads when a reader starts to type.

`items` are the results: kind, title, URL and a line of text. The kind of a section of a guide ends
with the guide's title. `words` maps each word to the items that contain it, `fields` maps each
field name to the operations that have the field. Both list positions in `items`, each but the first
as the distance from the one before. `synonyms` maps a term that readers type to terms of the docs.
`page.js` ranks the results.
"""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tenantry.endpoints.docs.guides import markdown, sources
from tenantry.endpoints.docs.pages import operation_page
from tenantry.endpoints.docs.reference import event_types, operations
from tenantry.endpoints.docs.reference.failures import failures

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tenantry.endpoints.docs.reference.contents import Contents
    from tenantry.endpoints.docs.reference.operations import Member

_LINE = 90  # characters of a text that a result shows
_WORD = re.compile(r"[a-z0-9][a-z0-9_]*")
# Words that occur in every other text.
_STOP = """
a all also an and any are as at be been but by can do does each every for from has have if in into
is it its may more must no not of on one only or other out so such than that the their them then
there these they this those to up was were what when where which who will with you your
"""
STOP = frozenset(_STOP.split())
# Terms that readers type, with the terms of the docs that are searched as well.
SYNONYMS = {
    "2fa": ("second factor", "totp"),
    "account": ("user",),
    "acs": ("assertion consumer", "saml"),
    "authenticator": ("totp", "second factor"),
    "azure": ("entra",),
    "azure ad": ("entra",),
    "bulk": ("import",),
    "custom element": ("embed",),
    "customer": ("organization", "tenant"),
    "dead letter": ("failed deliveries",),
    "dark mode": ("branding",),
    "docker": ("container",),
    "fga": ("permission",),
    "forgot password": ("passwords",),
    "gdpr": ("export", "delete user"),
    "google workspace": ("workspace",),
    "group": ("directory group",),
    "helm": ("kubernetes",),
    "iframe": ("embed",),
    "impersonation": ("impersonate",),
    "k8s": ("kubernetes",),
    "log in": ("sign in",),
    "log out": ("sign out",),
    "login": ("sign in",),
    "logout": ("sign out",),
    "logs": ("log streams", "audit"),
    "m2m": ("machine", "api client"),
    "magic link": ("emailed link", "passwordless"),
    "mfa": ("second factor", "totp"),
    "migrate": ("import",),
    "monitoring": ("observability", "metrics"),
    "okta": ("identity provider",),
    "organisation": ("organization",),
    "otp": ("code", "passwordless"),
    "postgres": ("postgresql",),
    "prometheus": ("metrics",),
    "provisioning": ("scim", "directory"),
    "rbac": ("roles", "permission"),
    "register": ("sign up",),
    "remember me": ("session policy",),
    "reset password": ("passwords",),
    "scim": ("directory",),
    "service account": ("machine client", "api client"),
    "signup": ("sign up",),
    "single sign on": ("sso",),
    "social login": ("social sign in",),
    "sso": ("single sign on",),
    "team": ("organization",),
    "tenant": ("organization",),
    "theme": ("branding",),
    "throttling": ("rate limit",),
    "two factor": ("second factor", "totp"),
    "web component": ("embed",),
    "webauthn": ("passkey",),
    "webhook": ("receive events",),
    "widget": ("embed",),
    "workspace": ("organization",),
}


class _Index:
    def __init__(self) -> None:
        self.items: list[tuple[str, str, str, str]] = []
        self.words: defaultdict[str, list[int]] = defaultdict(list)
        self.fields: defaultdict[str, list[int]] = defaultdict(list)

    def add(
        self, item: tuple[str, str, str, str], texts: Iterable[str], members: Iterable[Member] = ()
    ) -> None:
        at = len(self.items)
        self.items.append(item)
        found, names = [*item[1::2], *texts], set()
        for member in members:
            names.add(member.name.rpartition(".")[2].removesuffix("[]").lower())
            found += [member.name, member.description, *member.choices]
        for word in set(words(" ".join(found))) - STOP:
            self.words[word].append(at)
        for name in names:
            self.fields[name].append(at)


def index(contents: Contents) -> dict[str, Any]:
    """Return the index of all pages."""
    made, entries = _Index(), contents.by_name.values()
    methods = {entry.method.path: entry.method for entry in entries if entry.method}
    read = {operation.name: operation for operation in operations.read([*methods.values()])[0]}
    for entry in entries:
        shown = (
            operation_page.operation_content(entry, read[entry.name])
            if entry.method
            else operation_page.content(entry)
        )
        members = [*(m for _, asked in shown.inputs for m in asked), *shown.answer]
        line = f"{entry.verb} {entry.path}"
        texts = [entry.name, entry.group.name, shown.description, *map(" ".join, shown.errors)]
        made.add((entry.group.name, entry.title, entry.url, line), texts, members)
    for failure in failures():
        url = f"/docs/errors#{failure.status}.{failure.error_code}"
        item = (f"Error {failure.status}", failure.error_code, url, failure.meanings[0])
        texts = [str(failure.status), failure.code, *failure.meanings, failure.remedy]
        made.add(item, texts)
    for _, kinds in event_types.groups():
        for kind in kinds:
            item = ("Event", kind.name, f"/docs/events#{kind.name}", kind.summary)
            made.add(item, [kind.group, kind.object], event_types.data(kind))
    for guide in sources.by_path().values():
        if guide.path in {sources.INDEX, "events.md"}:  # their parts are found themselves
            continue
        for part in markdown.parts(guide):
            title = part.heading if part.anchor else guide.title
            group = f"{guide.section} › {guide.title}" if part.anchor else guide.section
            line = part.text.strip().partition("\n")[0][:_LINE] or guide.about or guide.title
            url = f"{guide.url}#{part.anchor}" if part.anchor else guide.url
            made.add((group, title, url, line), [guide.title, part.text])
    return {
        "items": made.items,
        "words": {word: _distances(at) for word, at in sorted(made.words.items())},
        "fields": {name: _distances(at) for name, at in sorted(made.fields.items())},
        "stop": sorted(STOP),
        "synonyms": SYNONYMS,
    }


def words(text: str) -> Iterator[str]:
    """Yield the words of a text in lower case, names with `_` whole and in parts."""
    for word in _WORD.findall(text.lower()):
        parts = word.split("_") if "_" in word else ()
        yield from (one for one in (word, *parts) if len(one) > 1)


def _distances(at: list[int]) -> list[int]:
    return [at[0], *(after - before for before, after in pairwise(at))]
