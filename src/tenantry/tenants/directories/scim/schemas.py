"""Attributes as data: those of RFC 7643 sections 3 to 4, and the environment's own."""

from __future__ import annotations

import functools
import re
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any
from unicodedata import normalize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_RFC = "urn:ietf:params:scim:schemas:"
CUSTOM_ID = f"{_RFC}extension:tenantry:2.0:User"
MOST_MEMBERS = 100_000  # of groups, in one request
MAX_GROUP_BODY = 16 << 20  # bytes
# Attributes that an index holds.
INDEXED = 256  # characters
# The longest known path is far shorter.
_LONGEST_PATH = 1000
_NAME = re.compile(r"([A-Za-z$][A-Za-z0-9_$-]*)(?:\.([A-Za-z$][A-Za-z0-9_$-]*))?")
# A URN as it is with its version and the name of its resource, then maybe an attribute.
VERSIONED = re.compile(r"(.+:[0-9]+(?:\.[0-9]+)*:[A-Za-z0-9_-]+)(?::(.*))?", re.DOTALL)


def fold(text: str) -> str:
    """Return what a text is compared by where case does not count (RFC 7644 section 5).

    One way of writing an accent is as good as another, in texts that an index may hold: reordering
    the accents of long ones takes time that grows with the square of their number.
    """
    if text.isascii() or len(text) > INDEXED:
        return text.casefold()
    return normalize("NFC", normalize("NFC", text).casefold())


class Record:
    """A record equals another of its kind with the same members, and nothing changes it.

    A frozen dataclass would be the same. Its six methods are compiled for each class at each start,
    which takes longer than all else here; a dataclass of this one has its constructor alone.
    """

    __slots__: tuple[str, ...] = ()

    def _members(self) -> tuple[object, ...]:
        return tuple([getattr(self, name) for name in self.__slots__])

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._members() == other._members()

    def __hash__(self) -> int:
        return hash((type(self), *self._members()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}{self._members()!r}"


class _Named:
    """Attributes that are found by their names."""

    __slots__ = ("_names",)

    def _name(self, attributes: Sequence[Attribute]) -> None:
        self._names = _by_name(attributes)

    def find(self, name: str) -> Attribute | None:
        """Return the attribute of a name, case-insensitively."""
        return self._names.get(name) or self._names.get(name.casefold())


@dataclass(slots=True, eq=False, repr=False)
class Attribute(_Named):
    """One attribute with its characteristics (RFC 7643 section 7).

    A type of "any" takes all JSON: it is ours, for a custom attribute that is an object.
    """

    name: str
    description: str = ""
    _: KW_ONLY
    type: str = "string"
    multi_valued: bool = False
    required: bool = False
    canonical_values: tuple[str, ...] = ()
    case_exact: bool = False
    mutability: str = "readWrite"
    returned: str = "default"
    uniqueness: str = "none"
    reference_types: tuple[str, ...] = ()
    sub_attributes: tuple[Attribute, ...] = ()
    longest: int = 0  # characters; 0 for as many as a document may have

    def __post_init__(self) -> None:
        self._name(self.sub_attributes)


@dataclass(slots=True, eq=False, repr=False)
class Schema(_Named):
    """Attributes under one URN (RFC 7643 section 7)."""

    id: str
    name: str
    description: str
    attributes: tuple[Attribute, ...]

    def __post_init__(self) -> None:
        self._name(self.attributes)


@dataclass(slots=True, eq=False, repr=False)
class AttributePath(Record):
    """An attribute, and maybe one of its sub-attributes (RFC 7644 section 3.10).

    Attributes of core schemas and those of all resources have no schema. A name that we know is in
    its canonical spelling. An empty name is the whole extension.
    """

    schema: str | None
    name: str
    sub: str | None = None

    def __str__(self) -> str:
        name = f"{self.schema}:{self.name}".removesuffix(":") if self.schema else self.name
        return f"{name}.{self.sub}" if self.sub else name


def _by_name(attributes: Sequence[Attribute]) -> dict[str, Attribute]:
    """Return attributes by their names, and by these without case; the first of two has it."""
    names: dict[str, Attribute] = {}
    for one in reversed(attributes):
        names[one.name.casefold()] = one
    return names | {one.name: one for one in reversed(attributes)}


def _texts(**described: str) -> tuple[Attribute, ...]:
    return tuple(Attribute(name, text) for name, text in described.items())


def _list(
    name: str,
    description: str,
    *types: str,
    value: Attribute | None = None,
    sub_attributes: tuple[Attribute, ...] | None = None,
) -> Attribute:
    """Return a multi-valued attribute with the usual sub-attributes (RFC 7643 section 2.4)."""
    own = sub_attributes or (
        value or Attribute("value", "The value."),
        Attribute("display", "A human-readable name of the value."),
    )
    usual = (
        Attribute("type", "The function of the value.", canonical_values=types),
        Attribute("primary", "Whether this is the preferred value.", type="boolean"),
    )
    return _complex(name, description, *own, *usual, multi_valued=True)


def _complex(
    name: str, description: str, *sub_attributes: Attribute, **characteristics: Any
) -> Attribute:
    return Attribute(
        name, description, type="complex", sub_attributes=sub_attributes, **characteristics
    )


def _reference(
    name: str, description: str, *types: str, mutability: str = "readWrite"
) -> Attribute:
    return Attribute(
        name,
        description,
        type="reference",
        reference_types=types,
        case_exact=True,
        mutability=mutability,
    )


READ_ONLY = "readOnly"
# Of all resources (section 3.1); they stand in no schema.
COMMON = (
    _reference("schemas", "The URNs of the schemas of the resource.", "uri"),
    Attribute("id", case_exact=True, mutability=READ_ONLY, returned="always", uniqueness="server"),
    Attribute("externalId", case_exact=True, longest=INDEXED),
    _complex(
        "meta",
        "",
        Attribute("resourceType", case_exact=True, mutability=READ_ONLY),
        Attribute("created", type="dateTime", mutability=READ_ONLY),
        Attribute("lastModified", type="dateTime", mutability=READ_ONLY),
        _reference("location", "", "uri", mutability=READ_ONLY),
        Attribute("version", case_exact=True, mutability=READ_ONLY),
        mutability=READ_ONLY,
    ),
)

_PHONES = ("work", "home", "mobile", "fax", "pager", "other")
_MESSENGERS = ("aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo")
# A password is not a supported attribute: it is never kept.
USER = Schema(
    f"{_RFC}core:2.0:User",
    "User",
    "User Account",
    (
        Attribute(
            "userName",
            "The identifier of the user, unique in the directory.",
            required=True,
            uniqueness="server",
            longest=INDEXED,
        ),
        _complex(
            "name",
            "The components of the user's name.",
            *_texts(
                formatted="The full name, formatted for display.",
                familyName="The family name.",
                givenName="The given name.",
                middleName="The middle names.",
                honorificPrefix="The prefix of the name, such as Dr.",
                honorificSuffix="The suffix of the name, such as III.",
            ),
        ),
        Attribute("displayName", "The display name of the user.", longest=INDEXED),
        Attribute("nickName", "The casual name of the user."),
        _reference("profileUrl", "The URL of the user's profile.", "external"),
        *_texts(
            title="The user's title, such as Vice President.",
            userType="The relationship to the organization, such as Employee.",
            preferredLanguage="The user's preferred languages (RFC 9110 section 12.5.4).",
            locale="The user's locale, such as en-US.",
            timezone="The user's time zone, such as Europe/Paris.",
        ),
        Attribute("active", "Whether the user is active.", type="boolean"),
        _list(
            "emails",
            "Email addresses of the user.",
            *("work", "home", "other"),
            value=Attribute("value", "The email address.", longest=INDEXED),
        ),
        _list("phoneNumbers", "Phone numbers of the user.", *_PHONES),
        _list("ims", "Instant messaging addresses of the user.", *_MESSENGERS),
        _list(
            "photos",
            "Photos of the user.",
            *("photo", "thumbnail"),
            value=_reference("value", "The URL of the photo.", "external"),
        ),
        _list(
            "addresses",
            "Physical addresses of the user.",
            *("work", "home", "other"),
            sub_attributes=_texts(
                formatted="The full address, formatted for display.",
                streetAddress="The street address, which may have several lines.",
                locality="The city.",
                region="The state or region.",
                postalCode="The postal code.",
                country="The country (ISO 3166-1 alpha-2).",
            ),
        ),
        _complex(
            "groups",
            "The user's groups, which are changed through the group.",
            Attribute("value", "The group's ID.", case_exact=True, mutability=READ_ONLY),
            _reference("$ref", "The URL of the group.", "Group", mutability=READ_ONLY),
            Attribute("display", "The group's name.", mutability=READ_ONLY),
            Attribute(
                "type",
                "The kind of membership.",
                canonical_values=("direct",),
                mutability=READ_ONLY,
            ),
            multi_valued=True,
            mutability=READ_ONLY,
        ),
        _list("entitlements", "The user's entitlements."),
        _list("roles", "The user's roles at the provider."),
        _list(
            "x509Certificates",
            "X.509 certificates of the user.",
            value=Attribute(
                "value", "The DER-encoded certificate in base64.", type="binary", case_exact=True
            ),
        ),
    ),
)
ENTERPRISE = Schema(
    f"{_RFC}extension:enterprise:2.0:User",
    "EnterpriseUser",
    "Enterprise User",
    (
        *_texts(
            employeeNumber="The employee number.",
            costCenter="The cost center.",
            organization="The organization.",
            division="The division.",
            department="The department.",
        ),
        _complex(
            "manager",
            "The user's manager.",
            Attribute("value", "The manager's ID.", case_exact=True),
            _reference("$ref", "The URL of the manager's user.", "User"),
            Attribute("displayName", "The manager's name.", mutability=READ_ONLY),
        ),
    ),
)
GROUP = Schema(
    f"{_RFC}core:2.0:Group",
    "Group",
    "Group",
    (
        Attribute("displayName", "The name of the group.", required=True, longest=INDEXED),
        _complex(
            "members",
            f"The members of the group. A request can have at most {MOST_MEMBERS} members and "
            f"{MAX_GROUP_BODY >> 20} MiB.",
            Attribute("value", "The user's ID.", case_exact=True, mutability="immutable"),
            _reference("$ref", "The URL of the user.", "User", mutability="immutable"),
            Attribute("display", "The user's name.", mutability=READ_ONLY),
            Attribute(
                "type", "The kind of member.", canonical_values=("User",), mutability="immutable"
            ),
            multi_valued=True,
        ),
    ),
)

MEMBERS = GROUP.find("members")
# Attributes without a schema: no two resources spell one name differently.
_CORE = _by_name((*COMMON, *GROUP.attributes, *USER.attributes))
_BY_URN = {schema.id: schema for schema in (USER, GROUP, ENTERPRISE)}
KNOWN = frozenset({*_BY_URN, CUSTOM_ID})
_URNS = {urn.casefold(): urn for urn in (*_BY_URN, CUSTOM_ID)}
_TYPES = {"STRING": "string", "NUMBER": "decimal", "BOOL": "boolean", "OBJECT": "any"}


def custom(datatypes: Mapping[str, str]) -> Schema:
    """Return the schema of the environment's own attributes: their keys with their datatypes.

    Datatypes are those of the contract: STRING, NUMBER, BOOL, ARRAY (of texts), OBJECT.
    """
    attributes = tuple(
        Attribute(
            key,
            "A user attribute of this environment.",
            type=_TYPES.get(datatype, "string"),
            multi_valued=datatype == "ARRAY",
        )
        for key, datatype in datatypes.items()
    )
    return Schema(CUSTOM_ID, "CustomUser", "User attributes of this environment", attributes)


def attribute_path(text: str) -> AttributePath:
    """Return the path that a text says: an attribute with or without URN, or an extension's URN.

    Raises:
        ValueError: the text is not a path.

    """
    return _resolved(text)[0]


def definition(path: AttributePath) -> Attribute | None:
    """Return what we know of the attribute that a path leads to, the last one of it."""
    return _resolved(str(path))[2]


def top(path: AttributePath) -> Attribute | None:
    """Return what we know of the attribute that a path begins with."""
    return _resolved(str(path))[1]


# Providers ask for some dozens of paths; nobody may fill the memory with others.
@functools.lru_cache(maxsize=512)
def _resolved(text: str) -> tuple[AttributePath, Attribute | None, Attribute | None]:
    if len(text) > _LONGEST_PATH:
        raise ValueError("is not an attribute: too long")
    urn, name = _split(text)
    if urn and not name:
        return AttributePath(urn, ""), None, None
    found = _NAME.fullmatch(name)
    if found is None:
        raise ValueError("is not an attribute")
    first, second = found.groups()
    if urn:
        schema = _BY_URN.get(urn)
        known = schema.find(first) if schema else None
        if schema is USER or schema is GROUP:
            urn, known = None, known or _CORE.get(first.casefold())
    else:
        known = _CORE.get(first) or _CORE.get(first.casefold())
        if known is None and (known := ENTERPRISE.find(first)):
            urn = ENTERPRISE.id
    if known is None:
        return AttributePath(urn, first, second), None, None
    if second is None:
        return AttributePath(urn, known.name), known, known
    leaf = known.find(second)
    return AttributePath(urn, known.name, leaf.name if leaf else second), known, leaf


def _split(text: str) -> tuple[str | None, str]:
    """Return the schema's URN, in its canonical spelling where we know it, and the rest."""
    if ":" not in text:
        return None, text
    if text.endswith(":"):
        raise ValueError("is not an attribute")
    for urn, spelled in _URNS.items():
        if text[: len(urn)].casefold() == urn and text[len(urn) : len(urn) + 1] in {"", ":"}:
            return spelled, text[len(urn) + 1 :]
    if re.search(r"[\s\"\[\]()]", text):
        raise ValueError("is not an attribute")
    versioned = VERSIONED.fullmatch(text)
    if versioned:
        return versioned[1], versioned[2] or ""
    urn, _, name = text.rpartition(":")
    return urn, name
