"""How long an organization's sessions last: its own policy, within the application's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from protobuf.wkt import BoolValue, Int32Value

from tenantry.core import errors
from tenantry.endpoints.organization.visit import OrganizationSite, Page, Visit
from tenantry.gen.scalekit.v1.commons.commons_pb import TimeUnit
from tenantry.gen.scalekit.v1.organizations import organizations_pb
from tenantry.gen.scalekit.v1.organizations.organizations_pb import SessionPolicyType
from tenantry.web.forms.problems import Problems
from tenantry.web.frames.areas import SESSION_POLICY

if TYPE_CHECKING:
    from tenantry.gen.scalekit.v1.organizations.organizations_pb import (
        ApplicationSessionPolicySettings,
        OrganizationSessionPolicySettings,
    )
    from tenantry.net.http import Response

_CUSTOM, _APPLICATION = "CUSTOM", "APPLICATION"
_UNITS = {"MINUTES": 1, "HOURS": 60, "DAYS": 1440}
_DIGITS = 6


def pages(site: OrganizationSite) -> list[Page]:
    subject = _SessionPolicy(site)
    return [
        Page("GET", "", subject.show, SESSION_POLICY),
        Page("POST", "/save", subject.save, SESSION_POLICY),
    ]


class _SessionPolicy:
    def __init__(self, site: OrganizationSite) -> None:
        self._site = site

    async def show(self, visit: Visit) -> Response:
        organization_id = visit.organization.id
        own = await visit.api.organizations.get_organization_session_policy(
            organizations_pb.GetOrganizationSessionPolicyRequest(organization_id=organization_id)
        )
        of_all = await visit.api.organizations.get_application_session_policy(
            organizations_pb.GetApplicationSessionPolicyRequest(organization_id=organization_id)
        )
        assert own.policy is not None
        assert of_all.application_policy is not None
        return self._site.render(
            visit,
            SESSION_POLICY,
            "session_policy.html",
            own=_Timeouts.of_organization(own.policy),
            of_all=_Timeouts.of_application(of_all.application_policy),
            units=[(unit, visit.words(f"sessions.{unit.lower()}")) for unit in _UNITS],
        )

    async def save(self, visit: Visit) -> Response:
        """Set it, or go back to the application's."""
        form, path = visit.request.form(), visit.path(SESSION_POLICY)
        source = _CUSTOM if form.get("source") == _CUSTOM else _APPLICATION
        request = organizations_pb.UpdateOrganizationSessionPolicyRequest(
            organization_id=visit.organization.id, policy_source=SessionPolicyType[source]
        )
        given = {"source": source}
        if source == _CUSTOM:
            idle = form.get("idle_enabled") == "true"
            request.idle_session_timeout_enabled = BoolValue(value=idle)
            given["idle_enabled"] = "true" if idle else ""
            for name in ("absolute", *(["idle"] if idle else [])):
                number, unit = form.get(name, "").strip(), form.get(f"{name}_unit", "MINUTES")
                given |= {name: number, f"{name}_unit": unit}
                if not (number.isascii() and number.isdecimal() and len(number) <= _DIGITS):
                    return self._wrong(visit, name, given)
                timeout = Int32Value(value=int(number))
                of = TimeUnit[unit if unit in _UNITS else "MINUTES"]
                if name == "idle":
                    request.idle_session_timeout = timeout
                    request.idle_session_timeout_unit = of
                else:
                    request.absolute_session_timeout = timeout
                    request.absolute_session_timeout_unit = of
        try:
            await visit.api.organizations.update_organization_session_policy(request)
        except errors.InvalidArgument as problem:
            at_idle = any(one.field.startswith("idle") for one in problem.violations)
            return self._wrong(visit, "idle" if at_idle else "absolute", given)
        return self._site.done(path, "policy_saved")

    def _wrong(self, visit: Visit, place: str, given: dict[str, str]) -> Response:
        problems = Problems({place: "sessions.bad_limit"}, given)
        return self._site.failed(visit.request, problems, visit.path(SESSION_POLICY))


@dataclass(frozen=True)
class _Timeouts:
    """The timeouts of a policy in minutes; 0 is no separate limit."""

    absolute: int
    idle: int
    is_own: bool = False

    @classmethod
    def of_application(cls, policy: ApplicationSessionPolicySettings) -> _Timeouts:
        has_idle = policy.idle_session_timeout_enabled
        return cls(policy.absolute_session_timeout, policy.idle_session_timeout if has_idle else 0)

    @classmethod
    def of_organization(cls, policy: OrganizationSessionPolicySettings) -> _Timeouts:
        absolute, idle = policy.absolute_session_timeout, policy.idle_session_timeout
        enabled = policy.idle_session_timeout_enabled
        return cls(
            absolute.value if absolute else 0,
            idle.value if idle and enabled and enabled.value else 0,
            is_own=policy.policy_source is SessionPolicyType.CUSTOM,
        )

    @property
    def absolute_as(self) -> tuple[int, str]:
        """The absolute timeout as a number of the largest unit that fits."""
        return _as(self.absolute)

    @property
    def idle_as(self) -> tuple[int, str]:
        """The same of the idle timeout."""
        return _as(self.idle)


def _as(minutes: int) -> tuple[int, str]:
    unit = max(
        (unit for unit in _UNITS if minutes and not minutes % _UNITS[unit]),
        key=_UNITS.__getitem__,
        default="MINUTES",
    )
    return minutes // _UNITS[unit], unit
