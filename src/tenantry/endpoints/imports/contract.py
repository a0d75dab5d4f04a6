"""The rules of the contract, for rows: they are what creates a user or an organization."""

from __future__ import annotations

from typing import Any

from tenantry.api import messages, validation
from tenantry.gen.scalekit.v1.organizations.organizations_pb import CreateOrganization
from tenantry.gen.scalekit.v1.users.users_pb import CreateUser


class Contract:
    """See `tenantry.transfer.bulk.rows.Contract`."""

    def user(self, members: dict[str, Any]) -> None:
        """Hold a user to be created against the contract's rules.

        Raises:
            errors.InvalidArgument: it breaks one; the field is named.

        """
        # The reader of the file has looked for characters that a text may not hold.
        validation.check(messages.from_members(CreateUser, members), spelled=b"")

    def organization(self, members: dict[str, Any]) -> None:
        """Hold an organization to be created against the contract's rules.

        Raises:
            errors.InvalidArgument: it breaks one; the field is named.

        """
        validation.check(messages.from_members(CreateOrganization, members), spelled=b"")
