"""People get mail in their language: that of the page, their own, or the deployment's."""

from __future__ import annotations

import re

import pytest
from apis import unique
from hosted import answered

from tenantry.events.email import service as email_service
from tenantry.i18n.languages import LANGUAGES

BUTTONS = {
    "en": "Sign in",
    "de": "Anmelden",
    "fr": "Se connecter",
    "es": "Iniciar sesión",
    "it": "Accedi",
    "nl": "Inloggen",
    "pt": "Iniciar sessão",
}


async def html(place, email):
    """The newest mail to an address."""
    await place.deliver()
    newest = await email_service.newest_said(place.database, limit=200)
    return next(said.html for mail, said in newest if said and mail.recipient == email)


async def language(place, email):
    return re.findall(r'<html lang="(\w+)">', await html(place, email))[0]


@pytest.fixture
async def member(place):
    """Make a member with a profile."""

    async def made(**profile: str):
        organization = await place.make.organization()
        return await place.make.user(organization["id"], user_profile=profile)

    return made


@pytest.mark.parametrize("accepted", LANGUAGES)
async def test_the_code_to_sign_in_is_in_the_language_of_the_page(
    application, place, member, accepted
):
    user = await member(locale="sv")
    async with place.visitor(**{"accept-language": f"{accepted};q=0.9, sv"}) as visitor:
        page = await visitor.begin(application)
        assert f'<html lang="{accepted}">' in page.text
        await visitor.step("email", email=user["email"])
        said = await html(place, user["email"])
    assert f'<html lang="{accepted}">' in said
    assert f">{BUTTONS[accepted]}</a>" in said


async def test_the_application_says_the_language_and_a_second_mail_has_it_too(
    application, place, visitor, member
):
    user = await member(locale="de")
    await visitor.begin(application, ui_locales="sv pt-BR en")
    await visitor.step("email", email=user["email"])
    assert await language(place, user["email"]) == "pt"
    await visitor.step("resend")
    assert await language(place, user["email"]) == "pt"


@pytest.mark.parametrize(("locale", "shown"), [("it-CH", "it"), ("sv", "en"), ("", "en")])
async def test_else_it_is_the_person_s_own_or_that_of_the_deployment(
    application, place, member, locale, shown
):
    user = await member(**({"locale": locale} if locale else {}))
    async with place.visitor(**{"accept-language": "*"}) as visitor:
        await visitor.begin(application)
        await visitor.step("email", email=user["email"])
    assert await language(place, user["email"]) == shown


async def test_an_application_that_asks_by_the_api_knows_the_language(place, member):
    user = await member(locale="nl")
    for variables, shown in (({}, "nl"), ({"user_language": "es-MX"}, "es")):
        await place.api.passwordless.send_passwordless_email(
            email=user["email"], template_variables=variables
        )
        assert await language(place, user["email"]) == shown


async def test_people_who_sign_up_are_written_to_in_the_language_of_the_page(application, place):
    email = f"{unique('anna')}@example.com"
    async with place.visitor(**{"accept-language": "fr-CA"}) as visitor:
        await visitor.begin(application, prompt="create")
        await visitor.prove(email, intent="sign_up")
        assert "Bienvenue chez" in await html(place, email)
        answered(await visitor.step("sign-up", organization_name="Globex"))
    # In another browser, where somebody else could have another language.
    async with place.visitor(**{"accept-language": "nl"}) as stranger:
        await stranger.begin(application)
        await stranger.prove(email)
        said = await html(place, email)
    assert "Nouvelle connexion à votre compte" in said
    assert '<html lang="fr">' in said


async def test_nobody_who_signs_in_anew_chooses_the_language_of_the_warning(
    application, place, member
):
    user = await member()
    for accepted, warned in (("nl", False), ("pt", True)):
        async with place.visitor(**{"accept-language": accepted}) as visitor:
            await visitor.begin(application)
            await visitor.prove(user["email"])
            said = await html(place, user["email"])
        assert ("New sign-in to your" in said) == warned


async def test_an_invitation_is_in_the_language_of_its_reader(place):
    organization = await place.make.organization()
    for profile, shown in (({"locale": "pt-PT"}, "pt"), ({}, "en")):
        email = f"{unique('ben')}@example.com"
        await place.api.users.create_user_and_membership(
            organization_id=organization["id"],
            user={"email": email, "user_profile": profile},
            send_invitation_email=True,
        )
        assert await language(place, email) == shown


async def test_the_deployment_says_the_language_of_all_others(special_place):
    async with special_place(mail_language="es") as place:
        application = await place.application()
        organization = await place.make.organization()
        user = await place.make.user(organization["id"])
        async with place.visitor(**{"accept-language": "sv"}) as visitor:
            page = await visitor.begin(application)
            assert '<html lang="en">' in page.text
            await visitor.step("email", email=user["email"])
        assert await language(place, user["email"]) == "es"
