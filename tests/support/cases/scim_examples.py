"""Resources, filters and patches of SCIM to try: small, so that they meet one another often."""

from __future__ import annotations

from hypothesis import strategies as st

from tenantry.tenants.directories.scim.filters import And, Compare, Not, Or, Present, ValuePath
from tenantry.tenants.directories.scim.schemas import AttributePath

CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

WORDS = st.sampled_from(["a", "A", "ab", "b", "Ba", "é", "É", "x y", "1", "ΑΣ", "ας", 'a"\\b'])
ADDRESSES = st.sampled_from(["a@example.com", "A@example.com", "b@example.com", "c@example.org"])
TIMES = st.sampled_from(
    [
        "2026-01-01T00:00:00Z",
        "2026-01-01T01:00:00+01:00",
        "2026-01-01T00:00:00.5Z",
        "2027-01-01T00:00:00Z",
    ]
)
TYPES = st.sampled_from(["work", "home", "other", "Work"])


def some(required, **optional: st.SearchStrategy):
    return st.fixed_dictionaries(required, optional=optional)


def entries(value):
    """Lists of values with at most one that is preferred, none twice."""
    one = some({"value": value}, type=TYPES)
    kinds = st.lists(one, min_size=1, max_size=3, unique_by=lambda it: it["value"].casefold())
    return st.tuples(kinds, st.none() | st.integers(0, 2)).map(
        lambda it: [
            {**entry, **({} if it[1] is None else {"primary": n == it[1]})}
            for n, entry in enumerate(it[0])
        ]
    )


MANAGERS = st.fixed_dictionaries({"value": WORDS, "$ref": st.just("https://idp.test/Users/1")})
NAMES = some({"givenName": WORDS}, familyName=WORDS)
EXTENSIONS = some({"department": WORDS}, employeeNumber=WORDS, manager=MANAGERS)
# Documents as they are kept.
DOCUMENTS = st.fixed_dictionaries(
    {"userName": WORDS},
    optional={
        "externalId": WORDS,
        "displayName": WORDS,
        "title": WORDS,
        "active": st.booleans(),
        "name": NAMES,
        "emails": entries(ADDRESSES),
        "phoneNumbers": entries(WORDS),
        "roles": entries(WORDS),
        ENTERPRISE: EXTENSIONS,
    },
)
RESOURCES = st.builds(
    lambda document, id_, at: {
        **document,
        "id": id_,
        "meta": {"resourceType": "User", "created": at, "lastModified": at},
    },
    DOCUMENTS,
    WORDS,
    TIMES.filter(lambda at: "T" in at),
)

_TEXTS = {
    **dict.fromkeys(("userName", "displayName", "title", "name.givenName", "nickName"), WORDS),
    **dict.fromkeys(("externalId", "id", "phoneNumbers.value", "roles.value"), WORDS),
    **dict.fromkeys(("emails.type", "phoneNumbers.type"), TYPES),
    "emails.value": ADDRESSES,
    f"{ENTERPRISE}:department": WORDS,
    f"{ENTERPRISE}:manager.value": WORDS,
}
_ORDERS = ("eq", "ne", "gt", "ge", "lt", "le")
_OPS = (*_ORDERS, "co", "sw", "ew")


def path(text):
    urn, _, name = text.rpartition(":")
    first, _, second = name.partition(".")
    return AttributePath(urn or None, first, second or None)


def compared(name, values, *, ops=_OPS):
    return st.builds(Compare, st.just(path(name)), st.sampled_from(ops), values)


def trees(leaves, most):
    """Filters of these leaves; two of one kind under another are written as they are."""
    return st.recursive(
        leaves,
        lambda inner: (
            st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple))
            | st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple))
            | st.builds(Not, inner)
        ),
        max_leaves=most,
    )


def _leaves(texts, booleans, times, present):
    return st.one_of(
        *(compared(name, values) for name, values in texts.items()),
        *(compared(name, st.booleans(), ops=("eq", "ne")) for name in booleans),
        *(compared(name, TIMES, ops=_ORDERS) for name in times),
        *(st.just(Present(path(name))) for name in present),
    )


def _within(values):
    parts = {"value": values, "type": TYPES}
    return trees(_leaves(parts, ("primary",), (), ("type", "primary")), 3)


FILTERS = trees(
    _leaves(
        _TEXTS,
        ("active", "emails.primary"),
        ("meta.lastModified", "meta.created"),
        (*_TEXTS, "emails", "name", "active", f"{ENTERPRISE}:manager"),
    )
    | st.builds(ValuePath, st.just(path("emails")), _within(ADDRESSES))
    | st.builds(ValuePath, st.sampled_from(["phoneNumbers", "roles"]).map(path), _within(WORDS)),
    6,
)


def operation(ops, paths, values):
    """Operations of a patch; a remove has no value."""
    return st.builds(
        lambda op, at, value: {
            "op": op,
            "path": at,
            **({"value": value} if op != "remove" else {}),
        },
        st.sampled_from(ops),
        paths,
        values,
    )


_BOTH, _ALL = ("add", "replace"), ("add", "replace", "remove")
_LISTS = {
    "emails": (ADDRESSES, "a@example.com"),
    "phoneNumbers": (WORDS, "a"),
    "roles": (WORDS, "b"),
}


def _of_list(name, values, first):
    selected = st.sampled_from(
        [
            f'{name}[type eq "work"]',
            f'{name}[type eq "home" and primary eq true]',
            f'{name}[value eq "{first}" or value eq "1@example.com"]',
            f'{name}[not (type eq "work")]',
        ]
    )
    one = some({"value": values}, type=TYPES)
    return st.one_of(
        operation(_ALL, st.just(name), entries(values)),
        operation(_ALL, selected.map("{}.value".format), values),
        operation(_ALL, selected.map("{}.type".format), TYPES),
        operation(_BOTH, selected.map("{}.primary".format), st.booleans()),
        operation(("remove",), selected, st.none()),
        operation(_BOTH, selected, one),
        operation(_ALL, st.just(f"{name}.type"), TYPES),
    )


OPERATIONS = st.one_of(
    operation(_ALL, st.sampled_from(["displayName", "title", "nickName", "externalId"]), WORDS),
    operation(_BOTH, st.sampled_from(["userName", f"{CORE}:userName"]), WORDS),
    operation(_ALL, st.just("active"), st.booleans()),
    operation(_ALL, st.sampled_from(["name.givenName", "name.familyName"]), WORDS),
    operation(_ALL, st.just("name"), NAMES),
    operation(_ALL, st.sampled_from([f"{ENTERPRISE}:department"]), WORDS),
    operation(_ALL, st.sampled_from([f"{ENTERPRISE}:manager"]), MANAGERS),
    operation(_ALL, st.just(ENTERPRISE), EXTENSIONS),
    *(_of_list(name, *of) for name, of in _LISTS.items()),
    st.builds(
        lambda op, value: {"op": op, "value": value},
        st.sampled_from(_BOTH),
        st.fixed_dictionaries(
            {},
            optional={
                "title": WORDS,
                "name.givenName": WORDS,
                "active": st.booleans(),
                "name": NAMES,
                "emails": entries(ADDRESSES),
                f"{ENTERPRISE}:employeeNumber": WORDS,
                ENTERPRISE: EXTENSIONS,
            },
        ).filter(bool),
    ),
)
PATCHES = st.lists(OPERATIONS, min_size=1, max_size=4)
