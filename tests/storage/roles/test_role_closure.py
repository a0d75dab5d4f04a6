"""After any changes of roles the closure is as a walk over bases finds it, never a circle."""

from __future__ import annotations

import itertools

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from role_rows import closure, organization, permitted, role, walk
from sampling import examples

from tenantry.core import errors
from tenantry.tenants.roles import listing, permissions, service
from tenantry.tenants.roles.changes import Reference
from tenantry.tenants.roles.listing import Include

NUMBERS = st.integers(0, 7)
CREATE = st.tuples(st.just("create"), st.booleans(), NUMBERS | st.none())
EXTEND = st.tuples(st.just("extend"), NUMBERS, NUMBERS)
END = st.tuples(st.just("end"), NUMBERS)
DELETE = st.tuples(st.just("delete"), NUMBERS, NUMBERS | st.none())
FIRST = st.lists(CREATE, min_size=8, max_size=8)
STEPS = st.lists(st.one_of(EXTEND, EXTEND, EXTEND, END, DELETE, CREATE), min_size=8, max_size=30)
_MADE = itertools.count()


@settings(
    deadline=None,
    max_examples=examples(30),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(FIRST, STEPS)
async def test_the_closure_is_the_walk_after_any_changes(db, call, first, steps):
    home = await organization(call)
    there = []  # scope, name and what it permits itself

    def pick(number):
        return there[number % len(there)] if there and number is not None else None

    for step, *arguments in first + steps:
        one = pick(arguments[0]) if step != "create" else None
        other = pick(arguments[-1])
        if step != "create" and one is None:
            continue
        try:
            if step == "create":
                name = f"r{next(_MADE)}"
                await permissions.create(call, name=name, description="")
                scope = home if arguments[0] else None
                base = other[1] if other else None
                await role(call, scope, name, extends=base, permissions=[name])
                there.append((scope, name))
            elif step == "extend":
                await service.update(call, *one, {"extends": other[1]})
            elif step == "end":
                await service.end_base(call, *one)
            else:
                heir = Reference("reassign_role_name", other[1]) if other else None
                await service.remove(call, *one, heir)
                there.remove(one)
        except errors.InvalidArgument as problem:
            assert problem.violations or "extend it" in problem.message  # noqa: PT017
    pairs = await walk(db)
    assert await closure(db) == pairs
    found = [(await listing.get(call, *one, Include.NONE)).role for one in there]
    names = {one.id: one.name for one in found}
    for scope, one in zip((scope for scope, _ in there), found, strict=True):
        above = {names[ancestor] for start, ancestor in pairs if start == one.id}
        assert await permitted(call, scope, one.name) == above
