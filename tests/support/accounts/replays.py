"""The state by the event log: every change follows the one before it."""

from __future__ import annotations

from collections import Counter

_OF_MEMBERSHIPS = {
    "user.organization_invitation",
    "user.organization_membership_created",
    "user.organization_membership_updated",
    "user.invitation_resent",
    "user.organization_membership_deleted",
}


def replayed(events):
    """The rows by the events: users, roles of members, roles; and how many mails."""
    people, members, made, emails = {}, {}, {}, Counter()
    for event in events:
        kind, before, after = event["type"], event["before"], event["after"]
        if kind in {"user.created", "user.updated", "user.deleted"}:
            id_ = (after or before)["id"]
            assert people.get(id_) == before, event
            people[id_] = after
        elif kind in _OF_MEMBERSHIPS:
            one = after or before
            key = one["organization"]["id"], one["user"]["id"]
            assert members.get(key) == (before and before["membership"]), event
            members[key] = after and after["membership"]
            emails[key] += kind in {"user.organization_invitation", "user.invitation_resent"}
        elif event["object"] == "Role":
            id_ = (after or before)["id"]
            known = made.get(id_)
            if before is not None:
                before.pop("reassign_role_name", None)
                assert known == before, event
            else:
                assert known is None
            made[id_] = after
    live = ({k: v for k, v in one.items() if v is not None} for one in (people, members, made))
    return *live, emails
