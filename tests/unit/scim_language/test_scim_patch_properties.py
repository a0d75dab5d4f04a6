"""Patches, against a plain reading of the RFC and against scim2-models."""

from __future__ import annotations

import copy
import re

from hypothesis import assume, given
from scim_examples import CORE, DOCUMENTS, ENTERPRISE, OPERATIONS, PATCH_OP, PATCHES

from tenantry.tenants.directories.scim import patches
from tenantry.tenants.directories.scim.faults import Fault

LISTS = {"emails", "phoneNumbers", "roles"}


def ours(document, sent):
    try:
        return patches.apply_to_user(document, patches.parse({"Operations": sent}))
    except Fault as fault:
        return fault.scim_type


def theirs(document, sent):
    # Only here: its import takes seconds among thousands of modules, and each process of a run
    # collects all tests.
    from scim2_models import EnterpriseUser, PatchOp, SCIMException, ScimPolicy, User

    lenient = ScimPolicy(
        unmatched_path_filter="create", remove_value_as_filter="apply", unknown="ignore"
    )
    user = User[EnterpriseUser].model_validate({"schemas": [CORE, ENTERPRISE], **document})
    try:
        patch = PatchOp[User[EnterpriseUser]].model_validate(
            {"schemas": [PATCH_OP], "Operations": sent}, scim_policy=lenient
        )
        patch.patch(user, scim_policy=lenient)
    except SCIMException as refusal:
        return refusal.scim_type
    return {name: value for name, value in user.model_dump().items() if name != "schemas"}


def settled(document):
    """A document without differences of which the RFC says nothing.

    One is an entry that says nothing: ours goes with its value.
    """
    if not isinstance(document, dict):
        return document
    document = copy.deepcopy(document)
    for name in LISTS:
        for entry in document.get(name, ()):
            if entry.get("primary") is False:
                del entry["primary"]
            if "type" in entry:
                entry["type"] = entry["type"].lower()
        told = [one for one in document.pop(name, ()) if one.keys() - {"type", "primary"}]
        if told:
            document[name] = sorted(told, key=lambda one: sorted(one.items()))
    return document


def is_read_otherwise(document, operation):
    """Whether we go on where others do not: see the docstring of `patches`, and section 3.5.2.1.

    A value that is added and there, with a type or without, is one; of several that become
    preferred the first is; what a filter selects is replaced whole.
    """
    op, at, value = operation["op"], operation.get("path"), operation.get("value")
    if op == "add":
        lists = {at: value} if isinstance(value, list) else value if at is None else {}
        for name in LISTS & lists.keys():
            held = {one["value"].casefold() for one in document.get(name, ())}
            if held & {one["value"].casefold() for one in lists[name]}:
                return True
    return (value is True and "primary" in str(at)) or (op == "replace" and str(at).endswith("]"))


@given(DOCUMENTS, OPERATIONS)
def test_an_operation_does_as_in_another_library(document, operation):
    before = copy.deepcopy(document)
    found = ours(document, [copy.deepcopy(operation)])
    assert document == before
    assume(not is_read_otherwise(document, operation))
    assert settled(found) == settled(theirs(document, [operation]))


SELECTED = re.compile(r"(\w+)(\[.*\])?(?:\.(\w+))?")
CHOSEN = {
    '[type eq "work"]': lambda one: one.get("type", "").casefold() == "work",
    '[type eq "home" and primary eq true]': lambda one: (
        one.get("type", "").casefold() == "home" and one.get("primary") is True
    ),
    '[not (type eq "work")]': lambda one: one.get("type", "").casefold() != "work",
}
SEEDS = {
    '[type eq "work"]': {"type": "work"},
    '[type eq "home" and primary eq true]': {"type": "home", "primary": True},
    None: {},
}


def plainly(document, operation):  # noqa: C901 - in one reading
    """Section 3.5.2 for operations of these examples, without a thought for speed."""
    op, at, value = operation["op"], operation.get("path"), operation.get("value")
    if at is None or (at == ENTERPRISE and op != "remove"):
        prefix = "" if at is None else f"{ENTERPRISE}:"
        for name, one in value.items():
            document = plainly(document, {"op": op, "path": f"{prefix}{name}", "value": one})
        return document
    document = copy.deepcopy(document)
    if at == ENTERPRISE:
        document.pop(at, None)
        return document
    urn, _, name = at.rpartition(":") if "[" not in at else ("", "", at)
    holder = document
    if urn and urn != CORE:
        holder = document.setdefault(urn, {})
    name, filter_, sub = SELECTED.fullmatch(name).groups()
    if name in LISTS:
        left = of_list(holder.get(name, []), (op, filter_, sub, copy.deepcopy(value)))
        holder[name] = left
        if not left:
            del holder[name]
    elif op == "remove":
        inner = holder.get(name, {}) if sub else holder
        inner.pop(sub or name, None)
        if sub and not inner:
            holder.pop(name, None)
    elif sub:
        holder[name] = {**holder.get(name, {}), sub: value}
    else:
        holder[name] = {**holder.get(name, {}), **value} if isinstance(value, dict) else value
    if urn == ENTERPRISE and not holder:
        del document[urn]
    return document


def of_list(entries, change):  # noqa: C901, PLR0912 - in one reading
    op, filter_, sub, value = change
    if filter_ is None and sub is None:
        if op != "add":
            return value if op == "replace" else []
        written = []
        for new in value:
            same = [one for one in entries if is_same(one, new)]
            if same:
                same[0].update(new)
            entries = entries if same else [*entries, new]
            written.append(same[0] if same else new)
        return with_one_primary(entries, written)
    if filter_ is None or filter_ in CHOSEN:
        chosen = [one for one in entries if filter_ is None or CHOSEN[filter_](one)]
    else:
        held = re.findall('value eq "(.*?)"', filter_)
        chosen = [one for one in entries if one.get("value", "").casefold() in held]
    if op == "remove":
        for one in chosen:
            if sub:
                one.pop(sub, None)
            else:
                one.clear()
        told = [one for one in entries if not sub or one.keys() - {"type", "primary"}]
        return [one for one in told if one]
    new = {sub: value} if sub else value
    if not chosen:
        if filter_ not in SEEDS:
            raise Refused("noTarget")
        chosen = [{**SEEDS[filter_], **new}]
        if filter_ and not CHOSEN[filter_](chosen[0]):
            raise Refused("invalidValue")
        entries = [*entries, *chosen]
    for one in chosen:
        if op == "replace" and not sub:
            one.clear()
            one.update(SEEDS.get(filter_, {}))
        one.update(new)
    return with_one_primary(entries, chosen)


class Refused(Exception): ...


def is_same(one, new):
    types = {it["type"].casefold() for it in (one, new) if "type" in it}
    return "value" in one and one["value"].casefold() == new["value"].casefold() and len(types) < 2


def with_one_primary(entries, written):
    first = [one for one in written if one.get("primary")][:1]
    for one in entries:
        if first and one is not first[0] and one.get("primary"):
            one["primary"] = False
    return entries


@given(DOCUMENTS, PATCHES)
def test_a_patch_does_what_the_rfc_says(document, sent):
    expected = document
    try:
        for operation in sent:
            expected = plainly(expected, operation)
    except Refused as refusal:
        expected = str(refusal)
    assert ours(document, copy.deepcopy(sent)) == expected
