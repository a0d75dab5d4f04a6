"""`tenantry interceptor`: whom to ask before something happens, and trying it out."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tenantry.cli import running
from tenantry.cli.running import AsJson, Yes  # noqa: TC001 - typer reads them
from tenantry.settings import load

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.events.interceptors.model import Interceptor
    from tenantry.events.interceptors.service import Trial

app = typer.Typer(no_args_is_help=True, help="Interceptors: who is asked before something happens.")

InterceptorId = Annotated[str, typer.Argument(help="Its id, icp_...")]

_PAGE = 100


class Trigger(StrEnum):
    """Before what an interceptor is asked."""

    PRE_SIGNUP = "PRE_SIGNUP"
    PRE_SESSION_CREATION = "PRE_SESSION_CREATION"
    PRE_USER_INVITATION = "PRE_USER_INVITATION"
    PRE_M2M_TOKEN_CREATION = "PRE_M2M_TOKEN_CREATION"  # noqa: S105 - a name, no secret


@app.command()
def create(
    trigger: Annotated[Trigger, typer.Argument(help="Before what it is asked.")],
    url: Annotated[str, typer.Argument(help="The address that is asked, by POST.")],
    *,
    name: Annotated[str, typer.Option(help="Its name; requests carry it.")] = "Interceptor",
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    timeout: Annotated[
        int, typer.Option(min=100, max=30_000, help="Milliseconds to wait for its answer.")
    ] = 5000,
    fail_open: Annotated[
        bool, typer.Option("--fail-open", help="Go on when it does not answer as it has to.")
    ] = False,
    enabled: Annotated[bool, typer.Option("--enable", help="Ask it from now on.")] = False,
    as_json: AsJson = False,
) -> None:
    """Create a disabled interceptor, and print its signing secret, once."""
    from tenantry.events.interceptors.model import FAIL_CLOSED, FAIL_OPEN

    members = {
        "display_name": name,
        "description": description,
        "trigger_point": trigger.value,
        "api_url": url,
        "timeout_ms": timeout,
        "failure_policy": FAIL_OPEN if fail_open else FAIL_CLOSED,
    }

    async def work(call: Call) -> tuple[Interceptor, str]:
        from tenantry.events.interceptors import registry

        made, secret = await registry.create(call, members, allow=load().outgoing_allow)
        return (await registry.enable(call, made.id) if enabled else made), secret

    _print_secret(*running.with_call(work), as_json=as_json)


@app.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """List all interceptors, the newest first."""

    async def work(call: Call) -> list[Interceptor]:
        from tenantry.events.interceptors import listing

        page = await listing.page(
            call, trigger_point=None, enabled=None, page_size=_PAGE, page_token=""
        )
        return page.items

    found = running.with_call(work)
    if as_json:
        running.print_json([one.shown() for one in found])
        return
    running.print_table(
        ["Interceptor", "Name", "Trigger", "URL", "State"],
        [
            (
                one.id,
                one.display_name,
                one.trigger_point,
                one.api_url,
                f"{'enabled' if one.enabled else 'disabled'}\n{one.failure_policy}",
            )
            for one in found
        ],
    )


@app.command()
def enable(interceptor_id: InterceptorId, *, as_json: AsJson = False) -> None:
    """Enable an interceptor; running servers follow within a second."""

    async def work(call: Call) -> Interceptor:
        from tenantry.events.interceptors import registry

        return await registry.enable(call, interceptor_id)

    enabled = running.with_call(work, named=interceptor_id)
    running.tell(enabled.shown(), f"enabled {interceptor_id}", as_json=as_json)


@app.command()
def disable(interceptor_id: InterceptorId, *, as_json: AsJson = False) -> None:
    """Disable an interceptor; running servers follow within a second."""

    async def work(call: Call) -> Interceptor:
        from tenantry.events.interceptors import registry

        return await registry.disable(call, interceptor_id)

    disabled = running.with_call(work, named=interceptor_id)
    running.tell(disabled.shown(), f"disabled {interceptor_id}", as_json=as_json)


@app.command()
def delete(
    interceptor_id: InterceptorId,
    *,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Delete an interceptor."""
    running.confirm(f"Delete {interceptor_id}?", yes=yes)

    async def work(call: Call) -> None:
        from tenantry.events.interceptors import registry

        await registry.remove(call, interceptor_id)

    running.with_call(work, named=interceptor_id)
    running.tell({"deleted": interceptor_id}, f"deleted {interceptor_id}", as_json=as_json)


@app.command("rotate-secret")
def rotate_secret(interceptor_id: InterceptorId, *, as_json: AsJson = False) -> None:
    """Create a new secret for an interceptor and print it, once; the old one is valid for a day."""

    async def work(call: Call) -> tuple[Interceptor, str]:
        from tenantry.events.interceptors import registry

        return await registry.rotate_secret(call, interceptor_id)

    _print_secret(*running.with_call(work, named=interceptor_id), as_json=as_json)


@app.command("test")
def try_out(
    interceptor_id: InterceptorId,
    sample: Annotated[
        Path | None,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="A JSON file with what to send as data; {} without one.",
        ),
    ] = None,
) -> None:
    """Call an interceptor with sample data and print its response, without recording it."""
    data: Any = {}
    if sample is not None:
        try:
            data = json.loads(sample.read_bytes())
        except ValueError:
            data = None
    if not isinstance(data, dict):
        running.fail(f"{sample}: is no JSON object")

    async def work(call: Call) -> Trial:
        from tenantry.events.interceptors import registry
        from tenantry.events.interceptors.service import Interceptors

        interceptor = await registry.get(call.db, interceptor_id)
        interceptors = Interceptors(call.db, load())
        try:
            return await interceptors.test(call, interceptor, data)
        finally:
            await interceptors.aclose()

    trial = running.with_call(work, named=interceptor_id)
    if trial.failed is not None:
        running.fail(f"{trial.failed.code}: {trial.failed}")
    running.print_json(trial.content)
    if trial.invalid is not None:
        running.fail(f"the person would not be told why: {trial.invalid}")


def _print_secret(interceptor: Interceptor, secret: str, *, as_json: bool) -> None:
    if as_json:
        running.print_json({"interceptor": interceptor.shown(), "secret": secret})
        return
    running.say(f"interceptor  {interceptor.id}\nsecret       {secret}")
    running.remark("The secret is not shown again.")
