"""Guides for providers of directories: complete, in the words of the contract, on current pages."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from repository import ROOT

from tenantry.gen.scalekit.v1.directories import directories_pb as pb
from tenantry.gen.tenantry.v1 import directory_polling_pb
from tenantry.tenants.directories import guides
from tenantry.tenants.directories.scim import schemas


def test_there_is_one_for_each_provider_of_the_contract_that_has_a_way():
    named = [one.provider for one in guides.guides()]
    assert len(named) == len(set(named))
    # Auth0 sends nothing by itself: the directory behind it does.
    names = {one.name.removeprefix("DIRECTORY_PROVIDER_") for one in pb.DirectoryProvider}
    assert {*named, "AUTH0"} - {"DIRECTORY_PROVIDER_UNSPECIFIED"} == names - {"UNSPECIFIED"}
    assert {one.type for one in guides.guides()} == {"SCIM", "POLL"}
    folder = Path(guides.__file__).parent / "provider_guides"
    assert {one.id for one in guides.guides()} == {path.stem for path in folder.glob("*.toml")}


@pytest.mark.parametrize("guide", guides.guides(), ids=lambda one: one.id)
def test_its_values_are_those_of_the_api_and_none_is_missing(guide):
    ours = {one.value for step in guide.steps for one in step.ours}
    theirs = {one.value for step in guide.steps for one in step.theirs}
    if guide.type == "SCIM":
        assert (ours, theirs) == ({"directory_endpoint", "plain_secret"}, set())
    else:
        assert (ours, theirs) == ({"client_id", "scopes"}, {"service_account_key", "email"})
    for step in guide.steps:
        assert step.title
        assert step.text.endswith(".")
        for one in step.attributes:
            assert schemas.definition(schemas.attribute_path(re.sub(r"\[.*\]", "", one.key)))


def test_the_names_are_fields_of_messages():
    fields = {one.name for one in pb.Directory.desc().fields}
    fields |= {one.name for one in pb.CreateDirectorySecretResponse.desc().fields}
    for message in ("DirectoryCredentials", "SetDirectoryCredentialsRequest"):
        fields |= {one.name for one in getattr(directory_polling_pb, message).desc().fields}
    assert guides.OURS.keys() | guides.THEIRS.keys() <= fields


def test_the_pages_of_the_docs_are_current_and_their_links_lead_somewhere():
    script = ROOT / "scripts" / "directory_guides.py"
    subprocess.run([sys.executable, script, "--check"], check=True)
    folder = ROOT / "docs" / "directories"
    for page in folder.glob("*.md"):
        for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            assert (folder / target).is_file(), (page.name, target)
