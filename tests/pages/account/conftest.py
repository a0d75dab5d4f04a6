"""People with a live session at a running server."""

from __future__ import annotations

import pytest
from signed_in_people import Person, Visitor
from software_authenticator import Authenticator


@pytest.fixture
def new_person(server, database, make):
    """Make somebody and sign them in."""

    async def made():
        user = await make.user()
        person = Person(server, database, user)
        await person.sign_in()
        return person

    return made


@pytest.fixture
async def person(new_person):
    return await new_person()


@pytest.fixture
def visitor(http, server, person):
    """The browser of the person."""
    return Visitor(http, server.url, person)


@pytest.fixture
def stranger(http, server):
    """A browser that nobody is signed in with."""
    return Visitor(http, server.url)


@pytest.fixture
def authenticator(server):
    return Authenticator(server.url)
