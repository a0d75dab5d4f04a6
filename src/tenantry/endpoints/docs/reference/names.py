"""The names of operations and of their groups, and the part of the reference that a group is in.

An rpc's own name gives the title, in words; `names.toml` has those that it does not give well, and
says which services and operations are one group.
"""

from __future__ import annotations

import functools
import re
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tenantry.api.methods import HttpRoute, Method

_VARIABLE = re.compile(r"\{(\w+)\}")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*")
_SPELLED = {"Api": "API", "Saml": "SAML", "Sso": "SSO", "Uri": "URI", "ID": "id"}


@dataclass(frozen=True, slots=True)
class Group:
    """Operations that stand together; ``part`` names those who call them."""

    name: str
    part: str
    services: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()  # rpcs of other services
    about: str = ""  # where the services do not say it
    endpoints: bool = False  # it has those of OAuth and OpenID Connect

    @property
    def slug(self) -> str:
        """Its name in addresses."""
        return self.name.lower().replace(" ", "-")


@functools.cache
def _names() -> dict[str, Any]:
    text = files("tenantry.endpoints.docs").joinpath("names.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@functools.cache
def groups() -> tuple[Group, ...]:
    """Return all groups in their order."""
    return tuple(
        Group(
            group["name"],
            part["name"],
            tuple(group.get("services", ())),
            tuple(group.get("operations", ())),
            group.get("about", ""),
            group.get("endpoints", False),
        )
        for part in _names()["part"]
        for group in part["groups"]
    )


def group_of(method: Method) -> Group:
    """Return the group of an rpc; a service that `names.toml` does not have forms its own group."""
    service = method.service.rpartition(".")[2]
    for group in groups():
        if method.name in group.operations:
            return group
    for group in groups():
        if service in group.services:
            return group
    own = plural(_words(service.removesuffix("Service")))
    return Group(own, groups()[0].part, (service,))


def title(method: Method, route: HttpRoute) -> str:
    """Return an rpc's name as words: of DeletePortalLinkByID, Delete portal link by id.

    A further route is told apart by what it finds the object by, or is an alias.
    """
    titles = _names()["titles"]
    index = method.routes.index(route)
    if index and (own := titles.get(f"{method.name}{index + 1}")):
        return str(own)
    first = str(titles.get(method.name) or _title(method.name))
    if index == 0:
        return first
    known = _VARIABLE.findall(method.routes[0].template)
    aliases = 0
    for each in method.routes[1 : index + 1]:
        other = [name for name in _VARIABLE.findall(each.template) if name not in known]
        aliases += not other
    if other:
        return f"{first} by {other[0].replace('_', ' ')}"
    return f"{first} (alias)" if aliases == 1 else f"{first} (alias {aliases})"


def plural(noun: str) -> str:
    """Return the plural of a noun, of one that ends in s itself."""
    if noun.endswith("s"):
        return noun
    return f"{noun[:-1]}ies" if noun.endswith("ry") else f"{noun}s"


def _title(name: str) -> str:
    words = _words(name)
    if words.startswith(("List ", "Search ")):
        words = plural(words)  # the contract names lists in the singular: ListOrganization
    return words.replace("sign ins", "sign-ins").replace("sign in", "sign-in")


def _words(name: str) -> str:
    first, *rest = _WORD.findall(name)
    return " ".join([_SPELLED.get(first, first), *(_word(word) for word in rest)])


def _word(word: str) -> str:
    return _SPELLED.get(word) or (word if word.isupper() and len(word) > 1 else word.lower())
