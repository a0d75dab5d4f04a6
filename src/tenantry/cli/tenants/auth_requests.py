"""`tenantry auth-requests`: shows a sign-in by an ID from an error page or a log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tenantry.cli import running
from tenantry.cli.running import AsJson  # noqa: TC001 - typer reads it

if TYPE_CHECKING:
    from tenantry.api.in_process import InProcessClient
    from tenantry.call import Call
    from tenantry.gen.tenantry.v1.event_records_pb import EventRecord
    from tenantry.gen.tenantry.v1.sign_ins_pb import SignIn

app = typer.Typer(no_args_is_help=True, help="Sign-ins, by the ID that a user was shown.")

_MOST = 100  # events of one request


@app.callback()
def _group() -> None:
    """Keep `auth-requests show` two words, though it is the only command."""


@app.command()
def show(
    id_: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="ID of a sign-in (areq_...), an error page (err_...) or a request (req_...).",
        ),
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Print the details of a sign-in, a rejected sign-in, or a request.

    For a sign-in, prints the user, steps, error and remedy; for an error page, the error, within an
    hour; for a request, its events. `tenantry log find` prints the log lines of a request.
    """
    from tenantry.core import ids

    if id_.startswith(ids.AUTH_ERROR):
        _show_refusal(id_, as_json=as_json)
    elif id_.startswith("req_"):
        _show_events(id_, as_json=as_json)
    else:
        _show_sign_in(id_, as_json=as_json)


def _show_sign_in(id_: str, *, as_json: bool) -> None:
    async def work(api: InProcessClient) -> SignIn:
        from tenantry.gen.tenantry.v1 import sign_ins_pb as pb

        answer = await api.sign_ins.get_sign_in(pb.GetSignInRequest(auth_request_id=id_))
        assert answer.sign_in is not None
        return answer.sign_in

    found = running.with_api(work, named=id_)
    members = _members(found)
    if as_json:
        running.print_json(members)
        return
    steps = "\n".join(f"{step.state} after {step.milliseconds:,} ms" for step in found.steps)
    running.print_members(
        [
            *(
                (name.replace("_", " "), str(value))
                for name, value in members.items()
                if value and name not in {"steps", "evidence", "proofs"}
            ),
            ("proofs", ", ".join(found.proofs)),
            ("steps", steps),
            *(
                (name.replace("_", " "), value if isinstance(value, str) else ", ".join(value))
                for name, value in members["evidence"].items()
            ),
        ]
    )


def _members(found: SignIn) -> dict[str, Any]:
    from protobuf import message_to_json_value

    error, evidence = found.error, found.evidence
    return {
        "auth_request_id": found.auth_request_id,
        "time": running.moment(found.timestamp),
        "email": found.email,
        "organization_id": found.organization_id,
        "connection_id": found.connection_id,
        "connection_type": found.connection_type,
        "connection_provider": found.connection_provider,
        "status": found.status,
        **(
            {
                "error": error.error,
                "error_description": error.error_description,
                "means": error.meaning,
                "remedy": error.remedy,
            }
            if error
            else {}
        ),
        "steps": [{"state": step.state, "milliseconds": step.milliseconds} for step in found.steps],
        "evidence": (
            message_to_json_value(evidence, use_proto_field_name=True) if evidence else {}
        ),
        "user_id": found.user_id,
        "client_id": found.client_id,
        "intent": found.workflow,
        "proofs": list(found.proofs),
    }


def _show_refusal(id_: str, *, as_json: bool) -> None:
    async def work(call: Call) -> dict[str, str]:
        from tenantry.core import errors
        from tenantry.i18n.guide_steps import ENGLISH
        from tenantry.identity.connections.guides import explanations
        from tenantry.identity.sign_in.auth_requests import refusals

        found = refusals.find(call.db, id_)
        if found is None:
            # It holds for an hour, and for this deployment's own key.
            raise errors.NotFound("error of the last hour")
        refusal = found.refusal
        said = explanations.say(ENGLISH, refusal.error, refusal.description, "")
        return {
            "error_id": id_,
            "error": said.error,
            "error_description": said.description,
            "means": said.means,
            "remedy": said.remedy,
            "client_id": found.client_id or "",
        }

    members = running.with_call(work, named=id_)
    if as_json:
        running.print_json(members)
    else:
        running.print_members((name.replace("_", " "), value) for name, value in members.items())


def _show_events(id_: str, *, as_json: bool) -> None:
    async def work(api: InProcessClient) -> list[EventRecord]:
        from tenantry.core import errors
        from tenantry.gen.tenantry.v1 import event_records_pb as pb

        answer = await api.event_records.search_events(
            pb.SearchEventsRequest(request_id=id_, page_size=_MOST)
        )
        if not answer.events:
            raise errors.NotFound("event of the request")
        return answer.events

    found = running.with_api(work, named=id_)
    shown = [
        {"id": one.id, "type": one.type, "time": running.moment(one.occurred_at) or ""}
        for one in found
    ]
    if as_json:
        running.print_json(shown)
    else:
        running.print_table(
            ["Event", "Type", "Time"], [(one["id"], one["type"], one["time"]) for one in shown]
        )
