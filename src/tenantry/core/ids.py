"""Every id: a prefix and the decimal digits of a 63-bit, time-ordered number.

41 bits of milliseconds since 2015, 10 bits of a node number that the database hands out, 12 bits
of a counter. The epoch makes every number 19 digits long until 2084, so ids sort as text too.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ORGANIZATION = "org_"
USER = "usr_"
USER_PROFILE = "usp_"
MEMBERSHIP = "mem_"
ROLE = "role_"
PERMISSION = "perm_"
DOMAIN = "dom_"
MAIL = "mail_"
EMAIL_SERVER = "esr_"
EMAIL_TEMPLATE = "tpl_"
PORTAL_LINK = "lnk_"
PORTAL_SESSION = "pss_"
ENVIRONMENT = "env_"
ENVIRONMENT_CLIENT = "skc_"
ORGANIZATION_CLIENT = "m2morg_"
RESOURCE_CLIENT = "m2m_"
RESOURCE = "res_"
CONSENT = "usrcnst_"
CLIENT_SECRET = "sec_"  # noqa: S105 - a prefix, no secret
SCOPE = "scp_"
SIGNING_KEY = "snk_"
DATA_KEY = "dek_"
MASTER_KEY = "mky_"
TOKEN = "tkn_"  # noqa: S105 - a prefix, no secret
API_TOKEN = "apit_"  # noqa: S105 - a prefix, no secret
SESSION = "ses_"
AUTH_REQUEST = "areq_"
AUTH_ERROR = "err_"
PASSWORDLESS_REQUEST = "pwl_"
CONNECTION = "conn_"
CONNECTION_TEST = "test_"
KEY_PAIR = "cer_"
DIRECTORY = "dir_"
DIRECTORY_USER = "diruser_"
DIRECTORY_GROUP = "dirgroup_"
DIRECTORY_REQUEST = "dirreq_"
DIRECTORY_CHANGE = "dirchg_"
REFRESH_TOKEN = "rft_"  # noqa: S105 - a prefix, no secret
LOGOUT_NOTICE = "lgn_"
PASSKEY = "cred_"
OPERATOR = "opr_"
OPERATOR_SESSION = "ops_"
OPERATOR_PASSKEY = "opk_"
OPERATOR_GRANT = "opg_"
CHALLENGE = "chl_"
TOTP_REGISTRATION = "totp_"
INTERCEPTOR = "icp_"
INTERCEPTOR_CALL = "icc_"
TOKEN_TEMPLATE = "ttv_"  # noqa: S105 - a prefix, no secret; of one version of it
ASSET = "ast_"
EVENT = "evt_"
WEBHOOK_ENDPOINT = "whe_"
WEBHOOK_DELIVERY = "dlv_"

EPOCH_MILLISECONDS = 1_420_070_400_000  # 2015-01-01T00:00:00Z
NODES = 1 << 10
_COUNTERS = 1 << 12


class IdGenerator:
    """Makes the ids of one process: never the same twice, never one smaller than before."""

    def __init__(self, node: int, clock: Callable[[], int] = time.time_ns) -> None:
        self.node = node % NODES
        self._clock = clock
        self._millisecond = 0
        self._counter = 0

    def new(self, prefix: str) -> str:
        """Return a new id that starts with ``prefix``."""
        now = self._clock() // 1_000_000 - EPOCH_MILLISECONDS
        if now > self._millisecond:
            self._millisecond, self._counter = now, 0
        elif self._counter + 1 < _COUNTERS:
            # Within one millisecond, or after the clock was set back: go on from the last.
            self._counter += 1
        else:
            self._millisecond, self._counter = self._millisecond + 1, 0
        number = (self._millisecond << 22) | (self.node << 12) | self._counter
        return f"{prefix}{number}"


def at(prefix: str, microseconds: int) -> str:
    """Return the smallest id that could be made at this time since 1970: ids sort by time."""
    milliseconds = max(0, microseconds // 1000 - EPOCH_MILLISECONDS)
    return f"{prefix}{milliseconds << 22:019}"


def made(id_: str) -> int:
    """Return when a well-formed id was made, in microseconds since 1970, to the millisecond."""
    return ((int(id_.rpartition("_")[2]) >> 22) + EPOCH_MILLISECONDS) * 1000


def well_formed(prefix: str, text: str) -> bool:
    """Whether ``text`` is an id of this kind."""
    digits = text.removeprefix(prefix)
    return text.startswith(prefix) and digits.isdecimal() and digits.isascii() and len(text) <= 32
