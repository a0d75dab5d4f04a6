"""The sign-in policy of an organization, and the members whom a change would affect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.endpoints.organization.visit import OrganizationSite, Page, Visit
from tenantry.web import sign_in_policies
from tenantry.web.forms import boxes
from tenantry.web.forms.problems import Problems
from tenantry.web.frames.areas import SIGN_IN_POLICY
from tenantry.web.sign_in_policies import METHODS, PolicyForm

if TYPE_CHECKING:
    from tenantry.gen.tenantry.v1.organization_policies_pb import (
        SimulateOrganizationPolicyResponse,
    )
    from tenantry.net.http import Response


def pages(site: OrganizationSite) -> list[Page]:
    subject = _SignInPolicy(site)
    return [
        Page("GET", "", subject.show, SIGN_IN_POLICY),
        Page("POST", "/save", subject.save, SIGN_IN_POLICY),
        Page("POST", "/preview", subject.preview, SIGN_IN_POLICY),
    ]


class _SignInPolicy:
    def __init__(self, site: OrganizationSite) -> None:
        self._site = site

    async def show(self, visit: Visit) -> Response:
        stored = await sign_in_policies.load(visit.api, visit.organization.id)
        kept = self._site.problems(visit.request).given
        return await self._page(visit, PolicyForm.of_form(kept) if kept else stored)

    async def save(self, visit: Visit) -> Response:
        form = boxes.form(visit.request)
        path = visit.path(SIGN_IN_POLICY)
        try:
            await sign_in_policies.save(visit.api, visit.organization.id, PolicyForm.of_form(form))
        except errors.InvalidArgument as problem:
            return self._refused(visit, problem, form)
        return self._site.done(path, "sign_in_policy_saved")

    async def preview(self, visit: Visit) -> Response:
        """Show the members whom the policy of the form would affect; nothing is saved."""
        form = boxes.form(visit.request)
        policy = PolicyForm.of_form(form)
        try:
            found = await sign_in_policies.preview(visit.api, visit.organization.id, policy)
        except errors.InvalidArgument as problem:
            return self._refused(visit, problem, form)
        return await self._page(visit, policy, found)

    async def _page(
        self,
        visit: Visit,
        policy: PolicyForm,
        found: SimulateOrganizationPolicyResponse | None = None,
    ) -> Response:
        return self._site.render(
            visit,
            SIGN_IN_POLICY,
            "sign_in_policy.html",
            policy=policy,
            methods=[(name, visit.words(f"policy.method_{name.lower()}"), "") for name in METHODS],
            members=await sign_in_policies.members(visit.api, visit.organization.id, policy),
            found=found,
        )

    def _refused(
        self, visit: Visit, problem: errors.InvalidArgument, form: dict[str, str]
    ) -> Response:
        problems = Problems(sign_in_policies.problem_of(problem), form)
        return self._site.failed(visit.request, problems, visit.path(SIGN_IN_POLICY))
