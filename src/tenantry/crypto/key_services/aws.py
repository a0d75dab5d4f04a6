"""A key of AWS KMS: aws-kms://KEY?region=eu-central-1, where KEY is an id, an ARN or alias/NAME.

https://docs.aws.amazon.com/kms/latest/APIReference/: Encrypt and Decrypt, with an encryption
context that binds a wrapped key to its purpose. Requests are signed by Signature Version 4.
Credentials are those of the environment, of a web identity (IRSA), of the container, or of the
instance.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from tenantry.core import strict_json
from tenantry.crypto.key_services.requests import Refused, ask, member
from tenantry.crypto.master_key import MasterKeyError
from tenantry.crypto.vault import WrongKey

if TYPE_CHECKING:
    from collections.abc import Mapping

AWS = "AWS"
_SERVICE = "AWS KMS"
_CONTEXT = {"purpose": "tenantry-data-key"}
_MEMBERS = {"region", "endpoint"}
_OF_ANOTHER = {"InvalidCiphertextException", "IncorrectKeyException"}
# Kinds that AWS answers with 400, though a later try may do.
_LATER = {"ThrottlingException", "KMSInternalException", "DependencyTimeoutException"}
_CONTAINER = "http://169.254.170.2"
_INSTANCE = "http://169.254.169.254/latest"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The key that requests are signed with."""

    key_id: str
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class KmsKey:
    """A key there."""

    key: str
    region: str
    endpoint: str
    provider = AWS

    @property
    def reference(self) -> str:
        return self.key

    def wrap(self, plain: bytes) -> bytes:
        given = {"KeyId": self.key, "Plaintext": base64.b64encode(plain).decode()}
        return base64.b64decode(self._asked("Encrypt", given, "CiphertextBlob"))

    def unwrap(self, wrapped: bytes) -> bytes:
        given = {"KeyId": self.key, "CiphertextBlob": base64.b64encode(wrapped).decode()}
        return base64.b64decode(self._asked("Decrypt", given, "Plaintext"))

    def _asked(self, action: str, given: Mapping[str, str], name: str) -> str:
        body = json.dumps({**given, "EncryptionContext": _CONTEXT}).encode()
        headers = {
            "content-type": "application/x-amz-json-1.1",
            "x-amz-target": f"TrentService.{action}",
        }
        by, at = credentials(self.region), datetime.now(UTC)
        signed = sign(self.endpoint, headers, body, by=by, region=self.region, at=at)
        try:
            answer = ask(_SERVICE, self.endpoint, headers=signed, body=body)
        except Refused as refused:
            kind = str(refused.body.get("__type", "")).rpartition("#")[2]
            if kind in _OF_ANOTHER:
                raise WrongKey(self.reference) from None
            error = refused.error(_SERVICE, kind)
            if kind in _LATER:
                error.may_pass = True
            raise error from None
        return member(_SERVICE, answer, name)


def open_key(url: str) -> KmsKey:
    """Return the key of a URL; ``region`` is else AWS_REGION, ``endpoint`` that of the region.

    Raises:
        ValueError: it is no such URL.

    """
    parts = urlsplit(url)
    given = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if unknown := given.keys() - _MEMBERS:
        raise ValueError(f"{', '.join(sorted(unknown))} is no member of aws-kms://")
    key = f"{parts.netloc}{parts.path}".strip("/")
    of_arn = key.split(":")[3] if key.startswith("arn:") and key.count(":") == 5 else ""
    region = given.get("region") or of_arn or os.environ.get("AWS_REGION", "")
    if not key or not region.replace("-", "").isalnum():
        raise ValueError("is to be aws-kms://key?region=eu-central-1")
    endpoint = given.get("endpoint", f"https://kms.{region}.amazonaws.com")
    if urlsplit(endpoint).scheme not in {"https", "http"}:
        raise ValueError("its endpoint is no https:// URL")
    return KmsKey(key, region, endpoint.rstrip("/") + "/")


def credentials(region: str) -> Credentials:
    """Return the credentials of this process, where its surroundings have some.

    Raises:
        MasterKeyError: they have none.

    """
    environ = os.environ
    if "AWS_ACCESS_KEY_ID" in environ:
        return Credentials(
            environ["AWS_ACCESS_KEY_ID"],
            environ.get("AWS_SECRET_ACCESS_KEY", ""),
            environ.get("AWS_SESSION_TOKEN", ""),
        )
    try:
        if "AWS_WEB_IDENTITY_TOKEN_FILE" in environ:
            return _of_web_identity(region)
        if "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI" in environ:
            where = _CONTAINER + environ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]
            return _made(_near(where))
        if "AWS_CONTAINER_CREDENTIALS_FULL_URI" in environ:
            return _of_container(environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"])
        return _of_instance()
    except Refused as refused:
        raise refused.error("the source of AWS credentials", "") from None
    except OSError as problem:
        raise MasterKeyError(f"no AWS credentials: {problem}") from None
    except (ValueError, KeyError, TypeError):  # another answer than is documented
        raise MasterKeyError("no AWS credentials: their source gives none") from None


def _of_web_identity(region: str) -> Credentials:
    """Return what STS gives for the token of a service account (AssumeRoleWithWebIdentity)."""
    token = Path(os.environ["AWS_WEB_IDENTITY_TOKEN_FILE"]).read_text().strip()
    query = {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": os.environ.get("AWS_ROLE_ARN", ""),
        "RoleSessionName": os.environ.get("AWS_ROLE_SESSION_NAME", "tenantry"),
        "WebIdentityToken": token,
    }
    endpoint = os.environ.get("AWS_ENDPOINT_URL_STS", f"https://sts.{region}.amazonaws.com/")
    headers = {
        "accept": "application/json",
        "content-type": "application/x-www-form-urlencoded",
    }
    answer = strict_json.loads(
        ask("AWS STS", endpoint, headers=headers, body=urlencode(query).encode())
    )
    found = answer["AssumeRoleWithWebIdentityResponse"]["AssumeRoleWithWebIdentityResult"]
    return _made(found["Credentials"])


def _of_container(url: str) -> Credentials:
    """Return those of ECS, or of a pod identity of EKS, whose token lies in a file."""
    headers = {}
    if "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE" in os.environ:
        path = Path(os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"])
        headers["authorization"] = path.read_text().strip()
    elif "AWS_CONTAINER_AUTHORIZATION_TOKEN" in os.environ:
        headers["authorization"] = os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
    return _made(_near(url, headers))


def _of_instance() -> Credentials:
    """Return those of the role of an EC2 instance (IMDSv2)."""
    seconds = {"x-aws-ec2-metadata-token-ttl-seconds": "60"}
    try:
        token = ask(
            "the instance",
            f"{_INSTANCE}/api/token",
            headers=seconds,
            method="PUT",
            nearby=True,
        )
    except MasterKeyError:
        raise MasterKeyError("no AWS credentials: set AWS_ACCESS_KEY_ID, or give a role") from None
    headers = {"x-aws-ec2-metadata-token": token.decode()}
    roles = f"{_INSTANCE}/meta-data/iam/security-credentials/"
    role = ask("the instance", roles, headers=headers, method="GET", nearby=True)
    return _made(_near(roles + role.decode().split("\n")[0], headers))


def _near(url: str, headers: Mapping[str, str] | None = None) -> Any:
    answer = ask(
        "the source of AWS credentials",
        url,
        headers=headers or {},
        method="GET",
        nearby=True,
    )
    return strict_json.loads(answer)


def _made(found: Mapping[str, Any]) -> Credentials:
    key_id = found["AccessKeyId"]
    token = found.get("Token") or found.get("SessionToken") or ""
    return Credentials(key_id, found["SecretAccessKey"], token)


def sign(
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    by: Credentials,
    region: str,
    at: datetime,
    service: str = "kms",
) -> dict[str, str]:
    """Return the headers of a POST with its signature (AWS Signature Version 4)."""
    parts = urlsplit(url)
    moment = at.strftime("%Y%m%dT%H%M%SZ")
    all_headers = {**headers, "host": parts.netloc, "x-amz-date": moment}
    if by.token:
        all_headers["x-amz-security-token"] = by.token
    names = ";".join(sorted(all_headers))
    request = "\n".join(
        [
            "POST",
            quote(parts.path or "/"),
            parts.query,
            *(f"{name}:{all_headers[name].strip()}" for name in sorted(all_headers)),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        ]
    )
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    to_sign = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}"
    key = f"AWS4{by.secret}".encode()
    for part in (moment[:8], region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    all_headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={by.key_id}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    return all_headers
