"""The samples of one language as one program: a client, then each sample in a scope of its own.

A reader sees the sample; a program adds what they have around it: the client of
`samples/Client.md`, the ids, and imports at the top of the file where a language wants them there.
Each program prints `ran NAME` after a sample that succeeded and goes on after one that failed.
"""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

from doc_programs import without_imports

from tenantry.endpoints.docs.reference.languages import CLIENT, samples

if TYPE_CHECKING:
    from collections.abc import Iterable

VARIABLES = (
    *("ORGANIZATION_ID", "EXTERNAL_ID", "LINK_ID", "USER_ID", "DOMAIN_ID"),
    *("CLIENT_ID", "SECRET_ID", "APPLICATION_ID", "APPLICATION_SECRET_ID", "SCOPE_ID", "TOKEN"),
    *("AUTH_REQUEST_ID", "CODE", "SESSION_ID", "CREDENTIAL_ID", "CONNECTION_ID"),
    *("SOCIAL_CONNECTION_ID", "LOGIN_REQUEST_ID", "DIRECTORY_ID"),
    *("TEMPLATE_ID", "EMAIL_SERVER_ID", "DIRECTORY_REQUEST_ID"),
    *("RESOURCE_ID", "RESOURCE_CLIENT_ID", "CONSENT_ID"),
)
_CREATES = (
    "CreateOrganization",
    "CreatePermission",
    "CreateRole",
    "CreateOrganizationRole",
    "CreateUserAndMembership",
    "CreateMembership",
    "CreateDomain",
    "CreateClient",
    "CreateClientSecret",
    "CreateOrganizationClient",
    "CreateOrganizationClientSecret",
    "CreateResource",
    "CreateResourceClient",
    "CreateScope",
    "AddEnvironmentRedirectUri",
    "CreateToken",
    "CreateEndpoint",
    "CreateInterceptor",
    "UpsertTokenTemplate",
    "InviteOperator",
    "CreateConnection",
    "CreateDirectory",
    "CreateDirectorySecret",
    "CreateSsoUserAttribute",
    "CreateDirectoryUserAttribute",
    "CreateEnvironmentConnection",
    "UpdateEnvironmentConnection",  # before it is enabled
    "ResendPasswordlessEmail",  # before it is verified
    "ResendAuthPasswordless",
)
_DELETES = (
    "DestroyDEK",
    "DestroyMasterKey",
    "DeleteCredential",
    "DisableTOTP",
    "RevokeUserConsent",
    "RevokeCurrentAgentConsent",
    "RevokeSession",
    "RevokeAllUserSessions",
    "DeleteSecondFactor",
    "RevokeOperatorSessions",
    "DeleteOperator",
    "DisableTokenTemplate",
    "DeleteTokenTemplate",
    "DisableInterceptor",
    "DeleteInterceptor",
    "DeleteSsoUserAttribute",
    "DeleteDirectoryUserAttribute",
    "DisableDirectory",
    "DeleteDirectory",
    "DisableEmailTemplate",
    "DeleteEmailTemplate",
    "DisableEmailServer",
    "DeleteEmailServer",
    "DisableConnection",
    "DeleteConnection",
    "DisableEnvironmentConnection",
    "DeleteEnvironmentConnection",
    "DisableEndpoint",
    "DeleteEndpoint",
    "InvalidateToken",
    "RemoveEnvironmentRedirectUri",
    "DeleteScope",
    "DeleteOrganizationClientSecret",
    "DeleteOrganizationClient",
    "DeleteClientSecret",
    "DeleteResourceClient",
    "DeleteResource",
    "DeleteClient",
    "RemoveUserRole",
    "DeleteMembership",
    "DeleteUser",
    "RemovePermissionFromRole",
    "DeleteOrganizationRoleBase",
    "DeleteOrganizationRole",
    "DeleteRoleBase",
    "DeleteRole",
    "DeletePermission",
    "DeleteDomain",
    "DeletePortalLinkByID",
    "DeletePortalLink",
    "DeleteOrganization",
)


def in_order(names: Iterable[str]) -> list[str]:
    """Samples that create come first, those that delete last: they live on each other's objects."""
    names = list(names)
    between = [n for n in names if n not in _CREATES and n not in _DELETES]
    return [
        *(n for n in _CREATES if n in names),
        *between,
        *(n for n in _DELETES if n in names),
    ]


def program(language: str, names: Iterable[str]) -> str:
    """All samples of these operations in this language."""
    found = {name: samples(name)[language] for name in in_order(names)}
    return _PROGRAMS[language](samples(CLIENT)[language], found)


def _sh(client: str, found: dict[str, str]) -> str:
    runs = "".join(
        f"if ( {sample}\n) > {name}.json; then echo 'ran {name}'; else cat {name}.json >&2; fi\n"
        for name, sample in found.items()
    )
    return f"set -u\n{client}\n{runs}"


def _python(client: str, found: dict[str, str]) -> str:
    variables = "".join(f'{name.lower()} = os.environ["{name}"]\n' for name in VARIABLES)
    functions = "".join(
        f"\ndef {name}():\n{textwrap.indent(sample, '    ')}\n" for name, sample in found.items()
    )
    return f"""{client}
import traceback

{variables}{functions}
for sample in ({", ".join(found)},):
    try:
        sample()
    except Exception:
        traceback.print_exc()
    else:
        print("ran", sample.__name__)
"""


def _js(client: str, found: dict[str, str]) -> str:
    imports, (client, *bodies) = without_imports("js", [client, *found.values()])
    variables = "".join(f"const {_camel(name)} = process.env.{name}\n" for name in VARIABLES)
    runs = "".join(
        f"await run('{name}', async () => {{\n{body}\n}})\n"
        for name, body in zip(found, bodies, strict=True)
    )
    return f"""{imports}
{client}
{variables}
async function run(name, sample) {{
  try {{
    await sample()
    console.log('ran', name)
  }} catch (error) {{
    console.error(name, error)
  }}
}}

{runs}
process.exit() // the SDK keeps its connection open
"""


def _go(client: str, found: dict[str, str]) -> str:
    imports, (client, *bodies) = without_imports("go", [client, *found.values()])
    variables = "".join(f'var {_camel(name)} = os.Getenv("{name}")\n' for name in VARIABLES)
    runs = ""
    for name, body in zip(found, bodies, strict=True):
        assigned = re.search(r"^(\w+), err :=", body, re.MULTILINE)
        used = f"\t_ = {assigned[1]}\n" if assigned else ""
        runs += f'run("{name}", func() error {{\n{body}\n{used}\treturn err\n}})\n'
    return f"""package main

import (
\t"fmt"
{imports}
)

{variables}
func run(name string, sample func() error) {{
\tif err := sample(); err != nil {{
\t\tfmt.Fprintln(os.Stderr, name, err)
\t\treturn
\t}}
\tfmt.Println("ran", name)
}}

func main() {{
{client}
{runs}
}}
"""


def _java(client: str, found: dict[str, str]) -> str:
    imports, (client, *bodies) = without_imports("java", [client, *found.values()])
    variables = "".join(
        f'  static final String {_camel(name)} = System.getenv("{name}");\n' for name in VARIABLES
    )
    methods = "".join(
        f"  static void {name}() {{\n{textwrap.indent(body, '    ')}\n  }}\n\n"
        for name, body in zip(found, bodies, strict=True)
    )
    runs = "".join(f'    run("{name}", Samples::{name});\n' for name in found)
    client = client.replace("ScalekitClient sc", "static final ScalekitClient sc")
    return f"""{imports}

public final class Samples {{
{client}
{variables}
{methods}
  static void run(String name, Runnable sample) {{
    try {{
      sample.run();
      System.out.println("ran " + name);
    }} catch (RuntimeException failure) {{
      System.err.println(name);
      failure.printStackTrace();
    }}
  }}

  public static void main(String[] arguments) {{
{runs}
    System.exit(0); // the SDK's threads outlive main
  }}
}}
"""


def _camel(name: str) -> str:
    first, *rest = name.lower().split("_")
    return first + "".join(word.title() for word in rest)


_PROGRAMS = {"sh": _sh, "js": _js, "python": _python, "go": _go, "java": _java}
