"""`tenantry sso`: decodes messages of single sign-on, and lists failed sign-ins."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tenantry.cli import running
from tenantry.cli.running import AsJson, Limit  # noqa: TC001 - typer reads them

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.identity.auth_log.sign_ins import SignIn
    from tenantry.identity.connections.saml.decoding import Decoded, Expected

app = typer.Typer(no_args_is_help=True, help="Single sign-on.")
_MOST_BYTES = 1 << 20
_WIDEST = 40  # characters of a name before its value
_SKEW = 90 * 1_000_000


@app.command()
def decode(
    message: Annotated[
        str,
        typer.Argument(
            metavar="MESSAGE",
            help="File, or - for standard input: XML, base64, a URL, a form, a certificate or an "
            "ID token.",
        ),
    ] = "-",
    *,
    metadata: Annotated[
        Path | None,
        typer.Option(help="File with the identity provider's metadata, to validate against."),
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(help="File with its certificate, instead of metadata.")
    ] = None,
    audience: Annotated[
        str | None,
        typer.Option(help="Expected audience (entity ID); by default, that of the response."),
    ] = None,
    acs_url: Annotated[
        str | None, typer.Option(help="Expected ACS URL; by default, that of the response.")
    ] = None,
    request_id: Annotated[
        str | None, typer.Option(help="ID of the request that the response must refer to.")
    ] = None,
    sha1: Annotated[bool, typer.Option("--sha1", help="Accept SHA-1 signatures.")] = False,
    as_json: AsJson = False,
) -> None:
    """Decode a SAML message, metadata, a certificate or an ID token, and validate it.

    Nothing is sent or stored. The exit code is 1 if the message is malformed, or invalid for a
    reason other than its age.
    """
    from tenantry.core.times import now
    from tenantry.identity.connections.faults import ProtocolError
    from tenantry.identity.connections.oidc import decoding as tokens
    from tenantry.identity.connections.saml import decoding

    try:
        expected = _expected(metadata, certificate, audience, acs_url, request_id, sha1=sha1)
        pasted = _read(message)
        if tokens.is_token(pasted):
            decoded = tokens.decode(pasted, now=now())
        else:
            decoded = decoding.decode(pasted, expected, now=now(), skew=_SKEW)
    except ProtocolError as error:
        if as_json:
            running.print_json({"error": error.code, "error_description": error.description})
            raise typer.Exit(1) from None
        running.remark(f"tenantry: {error.code}: {error.description}")
        running.remark(error.fault.remedy)
        raise typer.Exit(1) from None
    if as_json:
        running.print_json(_plain(decoded))
    else:
        _print(decoded)
    if decoded.judgements and decoded.judgements[-1].taken is False:
        raise typer.Exit(1)


@app.command()
def failures(
    *,
    email: Annotated[str, typer.Option(help="Show only this email address.")] = "",
    connection: Annotated[str, typer.Option(help="Show only this connection.")] = "",
    limit: Limit = 20,
    worked: Annotated[bool, typer.Option("--all", help="Show successful sign-ins too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the newest failed sign-ins of a connection, with error and remedy.

    Each sign-in is shown with its steps and the evidence from the provider's message.
    """

    async def work(call: Call) -> list[SignIn]:
        from tenantry.identity.auth_log import sign_ins

        narrow = {"email": email, "connection_id": connection}
        return await sign_ins.newest(call.db, limit=limit, worked=worked, **narrow)

    found = running.with_call(work)
    if as_json:
        running.print_json([_members(one) for one in found])
        return
    if not found:
        running.say(f"no {'' if worked else 'failed '}sign-ins through a connection")
    for one in found:
        shown = _members(one)
        ended = one.status if one.said is None else one.said.error
        running.say(f"{shown['time']}  {ended}  {one.email or 'unknown user'}")
        running.say(f"  {one.connection_type} {one.connection_provider} {one.connection_id}")
        if one.said is not None:
            for line in filter(None, (one.said.description, one.said.remedy)):
                running.say(f"  {line}")
        if one.steps:
            running.say(f"  {', '.join(f'{state} after {ms} ms' for state, ms in one.steps)}")
        for name, value in one.evidence.items():
            running.say(f"    {name}  {value if isinstance(value, str) else ', '.join(value)}")


def _members(one: SignIn) -> dict[str, Any]:
    return {
        "auth_request_id": one.id,
        "time": running.moment(one.time),
        "email": one.email,
        "organization_id": one.organization_id,
        "connection_id": one.connection_id,
        "connection_type": one.connection_type,
        "connection_provider": one.connection_provider,
        "status": one.status,
        **(
            {}
            if one.said is None
            else {
                "error": one.said.error,
                "error_description": one.said.description,
                "means": one.said.means,
                "remedy": one.said.remedy,
            }
        ),
        "steps": [{"state": state, "milliseconds": ms} for state, ms in one.steps],
        "evidence": dict(one.evidence),
    }


def _expected(
    metadata: Path | None,
    certificate: Path | None,
    audience: str | None,
    acs_url: str | None,
    request_id: str | None,
    *,
    sha1: bool,
) -> Expected:
    from tenantry.identity.connections.saml import certificates, decoding
    from tenantry.identity.connections.saml.metadata import idp_metadata

    provider = None if metadata is None else idp_metadata.read(metadata.read_bytes())
    pinned = () if provider is None else provider.certificates
    if certificate is not None:
        pinned = (*pinned, certificates.read(certificate.read_bytes()))
    return decoding.Expected(
        certificates=pinned,
        idp_entity_id=provider.entity_id if provider else None,
        sp_entity_id=audience,
        acs_url=acs_url,
        in_response_to=request_id,
        sha1=sha1,
    )


def _read(message: str) -> bytes:
    if message == "-":
        if sys.stdin.isatty():
            running.remark("Paste the message, then press Ctrl-D.")
        return sys.stdin.buffer.read(_MOST_BYTES)
    with Path(message).open("rb") as file:
        return file.read(_MOST_BYTES)


def _plain(decoded: Decoded) -> dict[str, Any]:
    return {
        "sections": [
            {"name": one.name, "members": [{"name": n, "value": v} for n, v in one.rows]}
            for one in decoded.sections
        ],
        "judgements": [
            {"about": one.about, "taken": one.taken}
            | (
                {
                    "error": one.fault.code,
                    "error_description": one.description,
                    "remedy": one.fault.remedy,
                }
                if one.fault
                else {}
            )
            for one in decoded.judgements
        ],
    }


def _print(decoded: Decoded) -> None:
    for section in decoded.sections:
        running.say(section.name)
        widest = min(max((len(name) for name, _ in section.rows), default=0), _WIDEST)
        for name, value in section.rows:
            running.say(f"  {name:{widest}}  {value}".rstrip())
        running.say("")
    for one in decoded.judgements:
        if one.fault is None:
            verdict = f"({one.about}): passed" if one.taken else f"skipped: {one.about}"
            running.say(f"Validation {verdict}")
        else:
            running.say(f"Validation ({one.about}): failed, {one.fault.code}")
            running.say(f"  {one.description}")
            running.say(f"  {one.fault.remedy}")
