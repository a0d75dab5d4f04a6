"""Passwords: hashing and verifying in a bounded pool, rules for new ones, signing in, choosing.

Guessing is limited for an account from one network, for an account over all networks, and for one
network over all accounts. Nobody can lock out the owner by it: a device or network that they have
signed in from before has its own guesses, and a person with none left is told that the code
by mail works, which counts by itself (`tenantry.identity.authenticators.passwordless`).

Unknown addresses, people without a password and wrong passwords get one answer after one amount of
work: that of a Tenantry hash. Only a hash that an import brought takes another, until its person
has signed in once.
"""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, update

from tenantry.core import errors
from tenantry.core.addresses import network
from tenantry.core.times import now
from tenantry.db import crud
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import revised
from tenantry.identity.attempts import service as attempts
from tenantry.identity.authenticators.passwords import guessable, hashes
from tenantry.identity.authenticators.passwords.breached import BreachedPasswords
from tenantry.identity.authenticators.passwords.pool import HASH_BYTES, Pool, most_threads
from tenantry.identity.known_origins import service as known_origins
from tenantry.identity.security_notices import service as security_notices
from tenantry.identity.sessions import service as sessions
from tenantry.net import email_addresses
from tenantry.tenants.users import service as users_service
from tenantry.tenants.users.model import users

if TYPE_CHECKING:
    from pathlib import Path

    from argon2 import PasswordHasher

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.settings import Settings

# NIST SP 800-63B section 3.1.1.2; in characters, after normalization.
SHORTEST, LONGEST = 8, 128
GUESSES, GUESSES_SECONDS = 10, 600  # for an account from one network
GUESSES_IN_ALL, GUESSES_IN_ALL_SECONDS = 100, 3600  # for an account
GUESSES_OF_NETWORK, GUESSES_OF_NETWORK_SECONDS = 100, 600  # wrong ones, for whichever accounts

# docs/decisions/0009-passwords.md
MEMORY_KIB, PASSES, LANES = HASH_BYTES >> 10, 1, 1
_SALT_BYTES, _HASH_BYTES = 16, 32
# With these parameters, of a password that nobody has.
_NOBODYS = (
    "$argon2id$v=19$m=47104,t=1,p=1$"
    "WwHzfiUUzXa8K/X6eaVo8w$HFCpEkQ0GsDk/+DYWxvP1+R0fkpzSgiUgwepg3yoUXc"
)
# A person whose old password was longer can still use it, up to here.
_LONGEST_GIVEN = 1024

_WORD, _WORD_IN_ALL = "password", "password in all"
_WORD_OF_NETWORK = "password of a network"

_u = users.c
_FIND = crud.get(users, by=("email_key",), columns=("id", "password_hash"))
_CHOOSE = Statement(
    update(users)
    .where(_u.id == bindparam("p_id"))
    .values(
        password_hash=bindparam("p_hash"),
        password_time=bindparam("p_now"),
        # A writer of the whole row, having read it before, must see that it has changed.
        revision=_u.revision + 1,
        update_time=bindparam("p_now"),
    )
    .returning(_u.id),
)
# A password that was chosen meanwhile stays.
_UPGRADE = Statement(
    update(users)
    .where(_u.id == bindparam("p_id"), _u.password_hash == bindparam("p_old"))
    .values(password_hash=bindparam("p_hash"))
)


class Passwords:
    """All that is done with passwords; ``breached`` is the file of those that nobody may choose.

    ``memory`` is what the server may use, in bytes. ``shared`` is as in `Pool`.
    """

    def __init__(
        self,
        *,
        breached: Path | None,
        threads: int = 0,
        memory: int | None = None,
        shared: Path | None = None,
    ) -> None:
        self._breached = None if breached is None else BreachedPasswords(breached)
        self._pool = Pool(threads=threads or most_threads(memory), shared=shared)
        self._hasher: PasswordHasher | None = None

    async def close(self) -> None:
        """End the pool."""
        self._pool.close()

    async def hash(self, password: str, *, network: str = "") -> str:
        """Return the Argon2id hash of a password (RFC 9106) in PHC format.

        ``network`` is the asker's: all of them are served in turn.
        """
        return await self._pool.run(self._argon2().hash, _normal(password), network=network)

    async def verify(self, password: str, hash_: str | None, *, network: str = "") -> bool:
        """Whether a password matches a hash, made here or imported.

        None takes as long as a hash made here. ``network`` is as in `hash`.
        """
        if len(password) > _LONGEST_GIVEN:
            password, hash_ = "", None
        right = await self._pool.run(
            hashes.verify, _normal(password).encode(), hash_ or _NOBODYS, network=network
        )
        if not right and hash_ and not unicodedata.is_normalized("NFC", password):
            # The maker of an imported hash may have taken the typed text as it came.
            given = password.encode(errors="surrogatepass")
            right = await self._pool.run(hashes.verify, given, hash_, network=network)
        return right and hash_ is not None

    def needs_upgrade(self, hash_: str) -> bool:
        """Whether a hash is not as `hash` would make it now."""
        return not hash_.startswith("$argon2id$") or self._argon2().check_needs_rehash(hash_)

    def check(self, password: str, *, email: str, settings: Settings) -> None:
        """Check a new password of the user with this address, except its strength."""
        if len(password) > _LONGEST_GIVEN:  # before any work: that grows with more than its length
            raise _invalid("string.max_len", f"must have at most {LONGEST} characters")
        password = _normal(password)
        length = len(password)
        if length < SHORTEST:
            raise _invalid("string.min_len", f"must have at least {SHORTEST} characters")
        if length > LONGEST:
            raise _invalid("string.max_len", f"must have at most {LONGEST} characters")
        if password.casefold() in {email.casefold(), email.casefold().partition("@")[0]}:
            raise _invalid("not_email", "must not be the email address")
        if settings.reject_common_passwords:
            if guessable.is_common(password):
                raise _invalid("not_common", "is a common password; choose a different one")
            if guessable.is_derived(password, (email, settings.app_name)):
                raise _invalid("not_derived", "is based on the email address or the product's name")
        if self._breached is not None and password in self._breached:
            raise _invalid(
                "not_breached", "appears in a list of breached passwords; choose a different one"
            )

    async def check_strength(
        self, password: str, *, email: str, settings: Settings, network: str = ""
    ) -> None:
        """Check the strength of a new password. ``network`` is as in `hash`."""
        if not settings.password_min_score:
            return
        sources = (email, settings.app_name)
        score = await self._pool.run(guessable.score, _normal(password), sources, network=network)
        if score < settings.password_min_score:
            raise _invalid(
                "min_score", "is easy to guess; choose a longer password or more unusual words"
            )

    async def sign_in(self, call: Call, *, email: str, password: str) -> str:
        """Return the id of the user whose address and password these are.

        A hash that is not as we make them now is replaced. `Call.origin` says from where it comes.
        """
        db, key = call.db, email_addresses.key(email_addresses.checked(email))
        origin = network(call.origin.address)
        known_origin = await known_origins.of_mailbox(db, call.origin, key)
        place = f"{key}|{known_origin or origin}"
        await _take(db, _WORD, place, most=GUESSES, seconds=GUESSES_SECONDS)
        if not known_origin:
            await _take(db, _WORD_IN_ALL, key, most=GUESSES_IN_ALL, seconds=GUESSES_IN_ALL_SECONDS)
            await _take(
                db,
                _WORD_OF_NETWORK,
                origin,
                most=GUESSES_OF_NETWORK,
                seconds=GUESSES_OF_NETWORK_SECONDS,
            )
        row = await db.fetch_one(_FIND, p_email_key=key)
        known: str | None = row["password_hash"] if row else None
        right = await self.verify(password, known, network=origin)
        if not right or row is None or known is None:
            raise _invalid("valid", "incorrect email address or password")
        await attempts.clear(db, _WORD, place)
        if not known_origin:
            await attempts.give_back(db, _WORD_IN_ALL, key)
            await attempts.give_back(db, _WORD_OF_NETWORK, origin)
        user_id: str = row["id"]
        if self.needs_upgrade(known):
            new = await self.hash(password, network=origin)
            await db.fetch_all(_UPGRADE, p_id=user_id, p_old=known, p_hash=new)
        return user_id

    async def choose(
        self,
        call: Call,
        user_id: str,
        password: str,
        *,
        settings: Settings,
        session_id: str | None = None,
    ) -> None:
        """Set a user's password, end their sessions and notify them.

        The session ``session_id``, or that of a signed-in caller, stays.
        """
        user = await users_service.get(call, users_service.UserIdentifier(user_id))
        origin = network(call.origin.address)
        self.check(password, email=user.email, settings=settings)
        await self.check_strength(password, email=user.email, settings=settings, network=origin)
        made = await self.hash(password, network=origin)
        at = now()
        async with call.db.transaction() as db:
            after = revised(user, at=at)
            happened = call.event("user.password_changed", after=after.to_event())
            row = await db.apply(
                _CHOOSE, happened, p_id=user_id, p_hash=made, p_now=after.update_time
            )
            if row is None:
                raise errors.NotFound("user")
            held = replace(call, db=db)
            await security_notices.queue(held, user_id, security_notices.PASSWORD_CHANGED)
            left = session_id or call.caller.session_id
            await sessions.end_all(held, user_id, but=left)

    def _argon2(self) -> PasswordHasher:
        if self._hasher is None:
            from argon2 import PasswordHasher

            self._hasher = PasswordHasher(
                time_cost=PASSES,
                memory_cost=MEMORY_KIB,
                parallelism=LANES,
                hash_len=_HASH_BYTES,
                salt_len=_SALT_BYTES,
            )
        return self._hasher


async def _take(db: Session, kind: str, whose: str, *, most: int, seconds: int) -> None:
    try:
        await attempts.take(db, kind, whose, most=most, seconds=seconds)
    except errors.RateLimited as problem:
        wait = int(problem.headers["retry-after"])
        raise errors.RateLimited(
            wait, {}, "too many incorrect passwords; sign in with a code sent to your email address"
        ) from None


def _normal(password: str) -> str:
    """Return a password as it is hashed, whichever way its characters were typed.

    NIST SP 800-63B section 3.1.1.2. Bytes that are no character are as
    good as any others that match nothing.
    """
    given = unicodedata.normalize("NFC", password)
    return given.encode(errors="replace").decode()


def _invalid(constraint: str, description: str) -> errors.InvalidArgument:
    return errors.InvalidArgument.field("password", constraint, description)
