"""A change of members by one statement of PostgreSQL, which holds the group and shows it as well.

Its snapshot may be older than the wait for the group: then a member that another change has added
meanwhile is not removed, as if that change came later.
"""

from __future__ import annotations

import functools

from sqlalchemy import Text, bindparam, delete, select, true
from sqlalchemy.dialects.postgresql import insert

from tenantry.db.sql.schema import json_rows, json_values, one_of
from tenantry.db.sql.statements import Statement
from tenantry.tenants.directories.model import (
    ID,
    directory_groups,
    directory_members,
    directory_users,
    of_directory,
)
from tenantry.tenants.directories.resources import holding

_u, _g, _m = directory_users.c, directory_groups.c, directory_members.c


@functools.cache
def move(*, only: bool) -> Statement:
    """Return the statement that removes the members ``leaving``, or all ``only`` but ``joining``.

    Then it adds ``joining``. Its row is the group as it was, with the ids of those that `joined`,
    that `left`, and that are `known` of ``joining``, as JSON; NULL for nobody. There is no row
    without the group.
    """
    joining, leaving = (bindparam(name, type_=Text) for name in ("joining", "leaving"))
    group = holding.of_held(directory_groups).where(_g.id == ID).cte("held_group")
    # Groups are held before people, so the first of them is read by way of the other one.
    known = (
        select(_u.id)
        .select_from(group.join(directory_users, true()))
        .where(*of_directory(directory_users), one_of(_u.id, joining))
        .order_by(_u.id)
        .with_for_update(read=True, key_share=True, of=directory_users)
        .cte("known")
    )
    key = group.c.organization_id, group.c.directory_id, group.c.id
    joined = (
        insert(directory_members)
        .from_select(list(_m), select(*key, known.c.id).join_from(group, known, true()))
        .on_conflict_do_nothing()
        .returning(_m.directory_user_id)
        .cte("joined")
    )
    member = _m.directory_user_id
    goes = member.not_in(json_values(joining)) if only else one_of(member, leaving)
    left = (
        delete(directory_members)
        .where(*of_directory(directory_members), _m.directory_group_id == group.c.id, goes)
        .returning(_m.directory_user_id)
        .cte("left_ones")
    )
    moved = [
        select(json_rows(rows.c[0])).scalar_subquery().label(name)
        for name, rows in (("joined", joined), ("left", left), ("known", known))
    ]
    return Statement(select(group, *moved).add_cte(joined, left), is_read=False)
