"""The organizations of a team that writes them itself: FastAPI, SQLAlchemy, asyncpg, PyJWT.

As its documentation shows it: a model for each body, a session for each request, a token checked by
each. A change and its event are one transaction, as they are with us.
"""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import Depends, FastAPI, HTTPException, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field
from sqlalchemy import ForeignKey, String, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_engine = create_async_engine(os.environ["DATABASE_URL"], pool_size=10, max_overflow=0)
_sessions = async_sessionmaker(_engine, expire_on_commit=False)
_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_SECRET = os.environ["CLIENT_SECRET"]


class Base(DeclarativeBase):
    """All tables."""


class Organization(Base):
    """An organization."""

    __tablename__ = "organizations"

    id: Mapped[int] = mapped_column(primary_key=True)
    display_name: Mapped[str] = mapped_column(String(200))
    external_id: Mapped[str | None] = mapped_column(String(255), unique=True)
    data: Mapped[dict[str, str]] = mapped_column(JSONB)
    create_time: Mapped[datetime] = mapped_column(server_default=func.now())
    update_time: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class Event(Base):
    """Something that happened to an organization."""

    __tablename__ = "events"

    id: Mapped[int] = mapped_column(primary_key=True)
    type: Mapped[str] = mapped_column(String(100))
    organization_id: Mapped[int] = mapped_column(ForeignKey("organizations.id"), index=True)
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    time: Mapped[datetime] = mapped_column(server_default=func.now())


class Body(BaseModel):
    """A body that a caller sends."""

    display_name: str | None = Field(None, min_length=1, max_length=200)
    external_id: str | None = Field(None, max_length=255)
    metadata: dict[str, str] | None = Field(None, max_length=10)


class Answer(BaseModel):
    """The answer to it."""

    id: str
    display_name: str
    external_id: str | None
    metadata: dict[str, str]
    create_time: datetime
    update_time: datetime


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Make the tables."""
    async with _engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield
    await _engine.dispose()


async def session() -> AsyncIterator[AsyncSession]:
    """Give each request a session."""
    async with _sessions() as opened:
        yield opened


def caller(token: Annotated[HTTPAuthorizationCredentials, Security(HTTPBearer())]) -> str:
    """Check the token of each request."""
    try:
        claims = jwt.decode(token.credentials, _key.public_key(), ["RS256"], audience="api")
    except jwt.InvalidTokenError as problem:
        raise HTTPException(401) from problem
    return claims["sub"]


app = FastAPI(lifespan=lifespan)
Database = Annotated[AsyncSession, Depends(session)]
Caller = Annotated[str, Depends(caller)]


@app.post("/token")
async def token(secret: str) -> dict[str, str]:
    """Give a token to the one client that there is."""
    if secret != _SECRET:
        raise HTTPException(401)
    until = datetime.now(UTC) + timedelta(hours=2)
    claims = {"sub": "client", "aud": "api", "exp": until}
    return {"access_token": jwt.encode(claims, _key, "RS256")}


@app.get("/organizations/{key}")
async def get(key: int, db: Database, _: Caller) -> Answer:
    """Return one."""
    return _answer(await _found(db, key))


@app.get("/organizations")
async def list_(db: Database, _: Caller, after: int = 0, page_size: int = 30) -> list[Answer]:
    """Return a page, by id."""
    some = select(Organization).where(Organization.id > after).order_by(Organization.id)
    return [_answer(one) for one in await db.scalars(some.limit(min(page_size, 100)))]


@app.post("/organizations", status_code=201)
async def create(body: Body, db: Database, by: Caller) -> Answer:
    """Create one."""
    one = Organization(
        display_name=body.display_name, external_id=body.external_id, data=body.metadata or {}
    )
    db.add(one)
    await _flushed(db)
    return await _done(db, one, "organization.created", by)


@app.patch("/organizations/{key}")
async def change(key: int, body: Body, db: Database, by: Caller) -> Answer:
    """Change what the body names."""
    one = await _found(db, key)
    for name, value in body.model_dump(exclude_unset=True).items():
        setattr(one, "data" if name == "metadata" else name, value)
    await _flushed(db)
    return await _done(db, one, "organization.updated", by)


async def _found(db: AsyncSession, key: int) -> Organization:
    one = await db.get(Organization, key)
    if one is None:
        raise HTTPException(404)
    return one


async def _flushed(db: AsyncSession) -> None:
    try:
        await db.flush()
    except IntegrityError as problem:
        raise HTTPException(409) from problem


async def _done(db: AsyncSession, one: Organization, type_: str, by: str) -> Answer:
    await db.refresh(one)
    answer = _answer(one)
    after = {"by": by, "after": answer.model_dump(mode="json")}
    db.add(Event(type=type_, organization_id=one.id, data=after))
    await db.commit()
    return answer


def _answer(one: Organization) -> Answer:
    return Answer(
        id=str(one.id),
        display_name=one.display_name,
        external_id=one.external_id,
        metadata=one.data,
        create_time=one.create_time,
        update_time=one.update_time,
    )
