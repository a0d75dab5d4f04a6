"""Validation of users and organizations that are imported from rows of a file.

The rules are those of the message that creates the same object.
"""

from __future__ import annotations

from typing import Any

from tenantry.api import messages, validation
from tenantry.gen.scalekit.v1.organizations.organizations_pb import CreateOrganization
from tenantry.gen.scalekit.v1.users.users_pb import CreateUser


def check_user(members: dict[str, Any]) -> None:
    """Validate a user to be created, in the types of JSON."""
    # The reader of the file has already rejected forbidden characters.
    validation.check(messages.from_members(CreateUser, members), spelled=b"")


def check_organization(members: dict[str, Any]) -> None:
    """Validate an organization to be created: see `check_user`."""
    validation.check(messages.from_members(CreateOrganization, members), spelled=b"")
