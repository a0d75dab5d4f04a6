"""How long an organization's sessions last: its own policy, within the application's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry import errors
from tenantry.doors.organization.visit import Door, Page, Visit
from tenantry.pages.areas import SESSION_POLICY
from tenantry.pages.problems import Problems

if TYPE_CHECKING:
    from tenantry.web import Response

_CUSTOM, _APPLICATION = "CUSTOM", "APPLICATION"
_UNITS = {"MINUTES": 1, "HOURS": 60, "DAYS": 1440}
_DIGITS = 6


def pages(door: Door) -> list[Page]:
    """Return the pages of this subject."""
    subject = _SessionPolicy(door)
    return [
        Page("GET", "", subject.show, SESSION_POLICY),
        Page("POST", "/save", subject.save, SESSION_POLICY),
    ]


class _SessionPolicy:
    """Handlers of the pages."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def show(self, visit: Visit) -> Response:
        """Show it."""
        organization_id = visit.organization.id
        own = await visit.api.get("/organizations/{}/session-policy", organization_id)
        of_all = await visit.api.get(
            "/organizations/{}/application-session-policy", organization_id
        )
        return self._door.render(
            visit,
            SESSION_POLICY,
            "session_policy.html",
            own=_Shown(own["policy"]),
            of_all=_Shown(of_all["application_policy"]),
            units=[(unit, visit.words(f"sessions.{unit.lower()}")) for unit in _UNITS],
        )

    async def save(self, visit: Visit) -> Response:
        """Set it, or go back to the application's."""
        form, path = visit.request.form(), visit.path(SESSION_POLICY)
        source = _CUSTOM if form.get("source") == _CUSTOM else _APPLICATION
        body: dict[str, Any] = {"policy_source": source}
        given = {"source": source}
        if source == _CUSTOM:
            idle = form.get("idle_enabled") == "true"
            body["idle_session_timeout_enabled"] = idle
            given["idle_enabled"] = "true" if idle else ""
            for name in ("absolute", *(["idle"] if idle else [])):
                number, unit = form.get(name, "").strip(), form.get(f"{name}_unit", "MINUTES")
                given |= {name: number, f"{name}_unit": unit}
                if not (number.isascii() and number.isdecimal() and len(number) <= _DIGITS):
                    return self._wrong(visit, name, given)
                body[f"{name}_session_timeout"] = int(number)
                body[f"{name}_session_timeout_unit"] = unit if unit in _UNITS else "MINUTES"
        try:
            await visit.api.patch(
                "/organizations/{}/session-policy", visit.organization.id, body=body
            )
        except errors.InvalidArgument as problem:
            at_idle = any(one.field.startswith("idle") for one in problem.violations)
            return self._wrong(visit, "idle" if at_idle else "absolute", given)
        return self._door.done(path, "policy_saved")

    def _wrong(self, visit: Visit, place: str, given: dict[str, str]) -> Response:
        problems = Problems({place: "sessions.bad_limit"}, given)
        return self._door.failed(visit.request, problems, visit.path(SESSION_POLICY))


class _Shown:
    """A policy as the API shows it, in minutes: 0 is no limit of its own."""

    def __init__(self, policy: dict[str, Any]) -> None:
        self.is_own = policy.get("policy_source") == _CUSTOM
        self.absolute: int = policy.get("absolute_session_timeout", 0)
        has_idle = policy.get("idle_session_timeout_enabled", False)
        self.idle: int = policy.get("idle_session_timeout", 0) if has_idle else 0

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
