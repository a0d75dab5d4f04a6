"""`tenantry interceptor`: manages and tests interceptors."""

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
    from tenantry.api.in_process import InProcessClient
    from tenantry.call import Call
    from tenantry.gen.scalekit.v1.interceptors.interceptors_pb import (
        Interceptor,
        TestInterceptorResponse,
    )

app = typer.Typer(no_args_is_help=True, help="Interceptors: webhooks that can deny an action.")

InterceptorId = Annotated[str, typer.Argument(help="ID of the interceptor, icp_...")]

_PAGE = 100


class Trigger(StrEnum):
    """The actions before which an interceptor can be called."""

    PRE_SIGNUP = "PRE_SIGNUP"
    PRE_SESSION_CREATION = "PRE_SESSION_CREATION"
    PRE_USER_INVITATION = "PRE_USER_INVITATION"
    PRE_M2M_TOKEN_CREATION = "PRE_M2M_TOKEN_CREATION"  # noqa: S105 - a name, no secret


@app.command()
def create(
    trigger: Annotated[Trigger, typer.Argument(help="The action before which it is called.")],
    url: Annotated[str, typer.Argument(help="URL that receives the POST requests.")],
    *,
    name: Annotated[str, typer.Option(help="Display name.")] = "Interceptor",
    description: Annotated[str, typer.Option(help="Its purpose.")] = "",
    timeout: Annotated[
        int, typer.Option(min=100, max=30_000, help="Response timeout in milliseconds.")
    ] = 5000,
    fail_open: Annotated[
        bool, typer.Option("--fail-open", help="Allow the action if there is no valid response.")
    ] = False,
    enabled: Annotated[bool, typer.Option("--enable", help="Enable it immediately.")] = False,
    as_json: AsJson = False,
) -> None:
    """Create an interceptor, and print its signing secret, once.

    It is disabled unless you pass --enable.
    """
    from tenantry.events.interceptors.model import FAIL_CLOSED, FAIL_OPEN

    members = {
        "display_name": name,
        "description": description,
        "trigger_point": trigger.value,
        "api_url": url,
        "timeout_ms": timeout,
        "failure_policy": FAIL_OPEN if fail_open else FAIL_CLOSED,
    }

    async def work(api: InProcessClient, call: Call) -> tuple[Interceptor, str]:
        from tenantry.events.interceptors import registry

        # The API shows the secret of no new interceptor.
        made, secret = await registry.create(call, members, allow=load().webhook_allow)
        if enabled:
            await _enable(api, made.id)
        return await _get(api, made.id), secret

    _print_secret(*running.with_api_and_call(work), as_json=as_json)


@app.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """List all interceptors, the newest first."""

    async def work(api: InProcessClient) -> list[Interceptor]:
        from tenantry.gen.scalekit.v1.interceptors import interceptors_pb as pb

        request = pb.ListInterceptorsRequest(page_size=_PAGE)
        return (await api.interceptors.list_interceptors(request)).interceptors

    found = running.with_api(work)
    if as_json:
        running.print_json([_to_json(one) for one in found])
        return
    running.print_table(
        ["Interceptor", "Name", "Trigger", "URL", "State"],
        [
            (
                one.id,
                one.display_name,
                one.trigger_point.name or "",
                one.api_url,
                f"{'enabled' if one.enabled else 'disabled'}\n{one.failure_policy.name}",
            )
            for one in found
        ],
    )


@app.command()
def enable(interceptor_id: InterceptorId, *, as_json: AsJson = False) -> None:
    """Enable an interceptor; running servers follow within a second."""

    async def work(api: InProcessClient) -> Interceptor:
        await _enable(api, interceptor_id)
        return await _get(api, interceptor_id)

    enabled = running.with_api(work, named=interceptor_id)
    running.tell(_to_json(enabled), f"enabled {interceptor_id}", as_json=as_json)


@app.command()
def disable(interceptor_id: InterceptorId, *, as_json: AsJson = False) -> None:
    """Disable an interceptor; running servers follow within a second."""

    async def work(api: InProcessClient) -> Interceptor:
        from tenantry.gen.scalekit.v1.interceptors import interceptors_pb as pb

        await api.interceptors.disable_interceptor(pb.DisableInterceptorRequest(id=interceptor_id))
        return await _get(api, interceptor_id)

    disabled = running.with_api(work, named=interceptor_id)
    running.tell(_to_json(disabled), f"disabled {interceptor_id}", as_json=as_json)


@app.command()
def delete(
    interceptor_id: InterceptorId,
    *,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Delete an interceptor."""
    running.confirm(f"Delete {interceptor_id}?", yes=yes)

    async def work(api: InProcessClient) -> None:
        from tenantry.gen.scalekit.v1.interceptors import interceptors_pb as pb

        await api.interceptors.delete_interceptor(pb.DeleteInterceptorRequest(id=interceptor_id))

    running.with_api(work, named=interceptor_id)
    running.tell({"deleted": interceptor_id}, f"deleted {interceptor_id}", as_json=as_json)


@app.command("rotate-secret")
def rotate_secret(interceptor_id: InterceptorId, *, as_json: AsJson = False) -> None:
    """Create a new secret for an interceptor and print it, once; the old one is valid for a day."""

    async def work(api: InProcessClient) -> tuple[Interceptor, str]:
        from tenantry.gen.tenantry.v1 import interceptor_secrets_pb as pb

        rotated = await api.interceptor_secrets.rotate_interceptor_secret(
            pb.RotateInterceptorSecretRequest(id=interceptor_id)
        )
        assert rotated.interceptor is not None
        return rotated.interceptor, rotated.secret

    _print_secret(*running.with_api(work, named=interceptor_id), as_json=as_json)


@app.command("test")
def try_out(
    interceptor_id: InterceptorId,
    sample: Annotated[
        Path | None,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="JSON file with the sample data; {} by default.",
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
        running.fail(f"{sample} is not a JSON object")

    async def work(api: InProcessClient) -> TestInterceptorResponse:
        from protobuf.wkt import Struct

        from tenantry.gen.scalekit.v1.interceptors import interceptors_pb as pb

        given = Struct.from_json(json.dumps(data))
        return await api.interceptors.test_interceptor(
            pb.TestInterceptorRequest(id=interceptor_id, data=given)
        )

    trial = running.with_api(work, named=interceptor_id)
    if trial.error is not None:
        running.fail(f"{trial.error.code}: {trial.error.message}")
    running.print_json(running.members_of(trial).get("interceptor_response"))
    if trial.validation_error is not None:
        (broken,) = trial.validation_error.field_violations
        running.fail(f"the response is invalid: {broken.field} {broken.description}")


async def _get(api: InProcessClient, interceptor_id: str) -> Interceptor:
    from tenantry.gen.scalekit.v1.interceptors import interceptors_pb as pb

    answer = await api.interceptors.get_interceptor(pb.GetInterceptorRequest(id=interceptor_id))
    assert answer.interceptor is not None
    return answer.interceptor


async def _enable(api: InProcessClient, interceptor_id: str) -> None:
    from tenantry.gen.scalekit.v1.interceptors import interceptors_pb as pb

    await api.interceptors.enable_interceptor(pb.EnableInterceptorRequest(id=interceptor_id))


def _to_json(interceptor: Interceptor) -> dict[str, Any]:
    auth = interceptor.config.auth_config if interceptor.config else None
    return {
        "id": interceptor.id,
        "display_name": interceptor.display_name,
        "description": interceptor.description,
        "trigger_point": interceptor.trigger_point.name,
        "api_url": interceptor.api_url,
        "timeout_ms": interceptor.timeout_ms,
        "failure_policy": interceptor.failure_policy.name,
        "auth_config_type": auth.auth_config_type.name if auth else None,
        "enabled": interceptor.enabled,
        "secret_id": interceptor.secret_id,
        "secret_suffix": interceptor.secret_suffix,
        "create_time": running.precise_moment(interceptor.created_at),
        "update_time": running.precise_moment(interceptor.updated_at),
    }


def _print_secret(interceptor: Interceptor, secret: str, *, as_json: bool) -> None:
    if as_json:
        running.print_json({"interceptor": _to_json(interceptor), "secret": secret})
        return
    running.say(f"interceptor  {interceptor.id}\nsecret       {secret}")
    running.remark("The secret is not shown again.")
