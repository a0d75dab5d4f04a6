"""The service account that reads a customer's Google Workspace: its key, and how it shows itself.

The account belongs to the operator or to the customer. An administrator of the customer lets it act
for people of the domain, for three scopes that only read (domain-wide delegation); it then asks in
the name of one administrator, by a JWT as authorization grant (RFC 7523).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
from joserfc.util import urlsafe_b64encode

from tenantry.core import errors, strict_json
from tenantry.db.sql.encrypted_columns import binding
from tenantry.net import email_addresses
from tenantry.tenants.directories.model import directories

if TYPE_CHECKING:
    from tenantry.crypto.vault import Binding, Vault
    from tenantry.tenants.directories.model import Directory

SCOPES = tuple(
    f"https://www.googleapis.com/auth/admin.directory.{one}.readonly"
    for one in ("user", "group", "group.member")
)
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
MOST_KEY = 16 << 10  # bytes of a key file
_GOOD_SECONDS = 600  # of an assertion; an hour is the most that is taken
_FIELD = "service_account_key"
_BITS = range(2048, 4097)
_ID = re.compile(r"[0-9A-Za-z_.@-]{1,256}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccount:
    """The key of an account, and the administrator in whose name it asks."""

    client_email: str
    client_id: str  # that the customer's administrator lets act for the domain
    private_key_id: str
    private_key: str = field(repr=False)  # PKCS #8, in PEM
    subject: str

    def encrypted(self, vault: Vault, directory: Directory) -> str:
        """Return it as it is stored with a directory."""
        members = {name: getattr(self, name) for name in self.__slots__}
        return vault.encrypt(orjson.dumps(members), _binding(directory))


def decrypted(vault: Vault, directory: Directory) -> ServiceAccount:
    """Return the account of a directory that has one.

    Raises:
        WrongKey: it is of another directory or key, or was changed.

    """
    assert directory.credentials is not None
    members = vault.decrypt(directory.credentials, _binding(directory))
    return ServiceAccount(**orjson.loads(members))


def _binding(directory: Directory) -> Binding:
    place = {"organization_id": directory.organization_id, "id": directory.id}
    return binding(directories.c.credentials, place)


def read(key_file: str, *, subject: str) -> ServiceAccount:
    """Return the account of a JSON key file, as Google's console gives it.

    Its addresses (`token_uri` and others) are not taken: a key is shown to Google alone.
    """
    email_addresses.checked(subject)
    members = _members(key_file)
    if members.get("type") != "service_account":
        raise _refused('must be the JSON key of a service account, with "type": "service_account"')
    for name in ("client_email", "client_id", "private_key_id"):
        if not _ID.fullmatch(members[name]):
            raise _refused(f"must have a {name} of letters and digits")
    account = ServiceAccount(
        subject=subject,
        **{
            name: members[name]
            for name in ("client_email", "client_id", "private_key_id", "private_key")
        },
    )
    _check(account)
    return account


def assertion(account: ServiceAccount, *, audience: str, now: int) -> str:
    """Return the JWT by which an account asks for a token (RFC 7523 section 3).

    ``now`` is in seconds since 1970.
    """
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    header = {"alg": "RS256", "typ": "JWT", "kid": account.private_key_id}
    claims = {
        "iss": account.client_email,
        "sub": account.subject,
        "aud": audience,
        "scope": " ".join(SCOPES),
        "iat": now,
        "exp": now + _GOOD_SECONDS,
    }
    signed = b".".join(urlsafe_b64encode(orjson.dumps(part)) for part in (header, claims))
    signature = _private(account).sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return b".".join((signed, urlsafe_b64encode(signature))).decode()


def _members(key_file: str) -> dict[str, str]:
    if len(key_file) > MOST_KEY:
        raise _refused(f"must have at most {MOST_KEY >> 10} KiB")
    try:
        content = strict_json.loads(key_file)
    except ValueError:
        raise _refused("must be JSON") from None
    if not isinstance(content, dict):
        raise _refused("must be a JSON object")
    names = ("type", "client_email", "client_id", "private_key_id", "private_key")
    for name in names:
        if not isinstance(content.get(name), str) or not content[name]:
            raise _refused(f"must have a {name}")
    return {name: content[name] for name in names}


def _check(account: ServiceAccount) -> None:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    bad = _refused("must have an RSA private_key of 2048 to 4096 bits, in PEM")
    try:
        key = _private(account)
        if not isinstance(key, rsa.RSAPrivateKey) or key.key_size not in _BITS:
            raise bad
        # A signature that its own public half verifies says in a millisecond what a look at all
        # numbers of the key says in a hundred.
        signature = key.sign(b"", padding.PKCS1v15(), hashes.SHA256())
        key.public_key().verify(signature, b"", padding.PKCS1v15(), hashes.SHA256())
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature):
        raise bad from None


def _private(account: ServiceAccount) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    pem = account.private_key.encode()
    return load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)


def _refused(description: str) -> errors.InvalidArgument:
    return errors.InvalidArgument.field(_FIELD, "service_account_key", description)
