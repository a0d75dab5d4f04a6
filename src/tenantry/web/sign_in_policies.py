"""The form of a sign-in policy, for the console and for the pages of the organization."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from protobuf.wkt import FieldMask

from tenantry.core import errors
from tenantry.gen.scalekit.v1.commons.commons_pb import MembershipStatus
from tenantry.gen.scalekit.v1.users.users_pb import ListOrganizationUsersRequest
from tenantry.gen.tenantry.v1 import organization_policies_pb as pb
from tenantry.web.forms import boxes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.api.in_process import InProcessClient

METHODS = tuple(method.name for method in pb.SignInMethod if method)
_MEMBERS = 100  # that the page lists for break-glass access
_PREVIEWED = 100  # members that are evaluated


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyForm:
    """The values of the form, as they are typed or as they are stored.

    The names are those of the fields of the API, and the ids of the fields on the page.
    """

    second_factor_required: bool
    second_factor_grace_days: str
    allowed_sign_in_methods: tuple[str, ...]
    sso_required: bool
    break_glass_user_ids: tuple[str, ...]
    reauthentication_minutes: str
    reauthentication_scopes: str
    allowed_networks: str
    allowed_email_domains: str

    @classmethod
    def of_policy(cls, policy: pb.OrganizationPolicy) -> PolicyForm:
        return cls(
            second_factor_required=policy.second_factor_required,
            second_factor_grace_days=str(policy.second_factor_grace_days or ""),
            allowed_sign_in_methods=tuple(one.name for one in policy.allowed_sign_in_methods),
            sso_required=policy.sso_required,
            break_glass_user_ids=tuple(policy.break_glass_user_ids),
            reauthentication_minutes=str(policy.reauthentication_minutes or ""),
            reauthentication_scopes="\n".join(policy.reauthentication_scopes),
            allowed_networks="\n".join(policy.allowed_networks),
            allowed_email_domains="\n".join(policy.allowed_email_domains),
        )

    @classmethod
    def of_form(cls, form: Mapping[str, str]) -> PolicyForm:
        return cls(
            second_factor_required="second_factor_required" in form,
            second_factor_grace_days=form.get("second_factor_grace_days", "").strip(),
            allowed_sign_in_methods=tuple(boxes.ticked(form, "allowed_sign_in_methods")),
            sso_required="sso_required" in form,
            break_glass_user_ids=tuple(boxes.ticked(form, "break_glass_user_ids")),
            reauthentication_minutes=form.get("reauthentication_minutes", "").strip(),
            reauthentication_scopes=form.get("reauthentication_scopes", "").strip(),
            allowed_networks=form.get("allowed_networks", "").strip(),
            allowed_email_domains=form.get("allowed_email_domains", "").strip(),
        )

    def to_message(self) -> pb.OrganizationPolicy:
        """Return the policy.

        Raises:
            errors.InvalidArgument: a number or a method is not one; the field is named.

        """
        unknown = [name for name in self.allowed_sign_in_methods if name not in METHODS]
        if unknown:
            raise errors.InvalidArgument.field(
                "policy.allowed_sign_in_methods", "enum", f"has no value {unknown[0][:60]!r}"
            )
        # Methods of a policy that has all are not limited to those of today.
        methods = self.allowed_sign_in_methods
        return pb.OrganizationPolicy(
            second_factor_required=self.second_factor_required,
            second_factor_grace_days=(
                _number(self.second_factor_grace_days, "second_factor_grace_days")
                if self.second_factor_required
                else 0
            ),
            allowed_sign_in_methods=[
                pb.SignInMethod[name] for name in methods if len(methods) < len(METHODS)
            ],
            sso_required=self.sso_required,
            break_glass_user_ids=list(self.break_glass_user_ids),
            reauthentication_minutes=_number(
                self.reauthentication_minutes, "reauthentication_minutes"
            ),
            reauthentication_scopes=self.reauthentication_scopes.split(),
            allowed_networks=self.allowed_networks.split(),
            allowed_email_domains=self.allowed_email_domains.split(),
        )


_MASK = [field.name for field in fields(PolicyForm)]


async def load(api: InProcessClient, organization_id: str) -> PolicyForm:
    """Return the form with the stored policy."""
    found = await api.organization_policies.get_organization_policy(
        pb.GetOrganizationPolicyRequest(organization_id=organization_id)
    )
    assert found.policy is not None
    return PolicyForm.of_policy(found.policy)


async def save(api: InProcessClient, organization_id: str, form: PolicyForm) -> None:
    await api.organization_policies.update_organization_policy(
        pb.UpdateOrganizationPolicyRequest(
            organization_id=organization_id,
            policy=form.to_message(),
            update_mask=FieldMask(paths=_MASK),
        )
    )


async def preview(
    api: InProcessClient, organization_id: str, form: PolicyForm
) -> pb.SimulateOrganizationPolicyResponse:
    """Return those of the newest members whom a policy would affect."""
    return await api.organization_policies.simulate_organization_policy(
        pb.SimulateOrganizationPolicyRequest(
            organization_id=organization_id,
            policy=form.to_message(),
            update_mask=FieldMask(paths=_MASK),
            page_size=_PREVIEWED,
        )
    )


async def members(
    api: InProcessClient, organization_id: str, form: PolicyForm
) -> list[tuple[str, str, str]]:
    """Return the options for break-glass access: active members, and the users who have it.

    Only the newest members are listed. A visitor who may not list members can only choose among
    the users who have access.
    """
    options: dict[str, str] = {}
    with suppress(errors.PermissionDenied):
        found = await api.users.list_organization_users(
            ListOrganizationUsersRequest(organization_id=organization_id, page_size=_MEMBERS)
        )
        options = {
            user.id: user.email
            for user in found.users
            for one in user.memberships
            if one.organization_id == organization_id
            and one.membership_status == MembershipStatus.ACTIVE
        }
    options |= {id_: id_ for id_ in form.break_glass_user_ids if id_ not in options}
    return [(id_, name, "") for id_, name in sorted(options.items(), key=lambda one: one[1])]


def fields_of(problem: errors.Error) -> dict[str, str]:
    """Return the ids of the form's fields by the paths that an error names."""
    return {each.field: field_of(each.field) for each in problem.violations}


def field_of(path: str) -> str:
    """Return the id of a field by its path, such as `policy.allowed_networks[2]`."""
    name = path.removeprefix("policy.").partition("[")[0]
    return name if name in _MASK else ""


def problem_of(problem: errors.InvalidArgument) -> dict[str, str]:
    """Return the key of the sentence about an error, by the field to show it at."""
    for each in problem.violations:
        field = field_of(each.field)
        if field:
            kind = "lockout" if each.constraint == "own_access" else "problem"
            return {field: f"policy.{kind}_{field}"}
    return {"": "policy.problem"}


def _number(text: str, name: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise errors.InvalidArgument.field(f"policy.{name}", "int", "must be a whole number")
    return int(text)
