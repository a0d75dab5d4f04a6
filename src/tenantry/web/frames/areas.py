"""The subjects of an organization that its own people set up, and who of them may.

Each has the feature that the organization needs, and the permissions by which a member sees and
changes it. A link into the admin portal is for features, and needs no permission.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


@dataclass(frozen=True, slots=True)
class Area:
    """One subject: the segment of its address, its feature, its permissions, "" for none."""

    key: str
    feature: str = ""
    read: str = ""
    manage: str = ""
    in_portal: bool = False

    def is_seen(self, features: Collection[str], permissions: Collection[str]) -> bool:
        """Whether a member with these permissions sees it, in an organization of these features."""
        return self.is_on(features) and not {self.read, self.manage}.isdisjoint(permissions)

    def is_on(self, features: Collection[str]) -> bool:
        """Whether an organization of these features has it."""
        return not self.feature or self.feature in features


GENERAL = Area("general", read="sk_org_settings_read", manage="sk_org_settings_manage")
USERS = Area("users", read="sk_org_users_read", manage="sk_org_users_invite")
SSO = Area("sso", "sso", "sk_org_sso_read", "sk_org_sso_manage", in_portal=True)
SCIM = Area("scim", "dir_sync", "sk_org_scim_read", "sk_org_scim_manage", in_portal=True)
# The contract names no permission for domains: like settings, they decide on people's way in.
DOMAINS = Area(
    "domains",
    "domain_verification",
    "sk_org_settings_read",
    "sk_org_settings_manage",
    in_portal=True,
)
SESSION_POLICY = Area(
    "session-policy",
    "session_policy",
    "sk_org_session_policy_read",
    "sk_org_session_policy_manage",
)
SIGN_IN_POLICY = Area(
    "sign-in-policy",
    "session_policy",
    "sk_org_session_policy_read",
    "sk_org_session_policy_manage",
)
PROGRAMS = Area("programs", read="sk_org_settings_manage", manage="sk_org_settings_manage")
AUDIT = Area("audit", read="sk_org_settings_manage", manage="sk_org_settings_manage")
# In the order of the navigation.
AREAS = (GENERAL, USERS, SSO, SCIM, DOMAINS, SESSION_POLICY, SIGN_IN_POLICY, PROGRAMS, AUDIT)
