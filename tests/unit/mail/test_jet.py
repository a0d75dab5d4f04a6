"""Templates that operators keep: their language, and refusals."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.events.email import jet, use_cases

VALUES = {"name": "Ada <b>", "plan": "gold", "none": ""}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ""),
        ("Hello {{ name }}!", "Hello Ada <b>!"),
        ("{{name}}{{ .name }}", "Ada <b>Ada <b>"),
        ("a { b } {c} }} {", "a { b } {c} }} {"),
        ("{* a comment with {{ name }} *}x", "x"),
        ("{{ missing }}x", "x"),
        ("{{ if name }}yes{{ end }}", "yes"),
        ("{{ if none }}yes{{ else }}no{{ end }}", "no"),
        ("{{ if !none }}yes{{ end }}", "yes"),
        ("{{if\tname}}yes{{end}}", "yes"),
        ('{{ if plan == "gold" }}G{{ else if plan == "tin" }}T{{ else }}-{{ end }}', "G"),
        ('{{ if plan == "tin" }}T{{ else if plan != "tin" }}G{{ end }}', "G"),
        ('{{ if none || name && plan == "gold" }}yes{{ end }}', "yes"),
        ("{{ if none && name || none }}yes{{ end }}", ""),
        ("{{ if name }}{{ if none }}a{{ else }}b{{ end }}c{{ end }}", "bc"),
        ("{{- name -}}", "Ada <b>"),
    ],
)
def test_it_says(text, said):
    assert jet.read(text).render(VALUES) == said


def test_values_are_escaped_in_html_and_the_template_is_not():
    assert jet.read("<p>{{ name }}</p>").render(VALUES, is_html=True) == "<p>Ada &lt;b&gt;</p>"


def test_it_knows_what_it_asks_for():
    read = jet.read('{{ if a && !b || c == "x" }}{{ d }}{{ else if e }}{{ end }}')
    assert read.names == {*"abcde"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x\n{{ name", "}} is missing (line 2)"),
        ("{* x", "*} is missing (line 1)"),
        ("{{ if name }}", "{{ end }} is missing for this if (line 1)"),
        ("{{ end }}", "there is no if for this end"),
        ("{{ else }}", "there is no if for this else"),
        ("{{ if a }}{{ else }}{{ else }}{{ end }}", "there is no if for this else"),
        ("{{ if }}x{{ end }}", "a condition needs the name"),
        ("{{ if a == b }}x{{ end }}", "compared with a text in double quotes"),
        ("{{ if a b }}x{{ end }}", "in the place of && or ||"),
        ("{{ if a; b }}x{{ end }}", "cannot be read in a condition"),
        ("{{ name.__class__ }}", "is not the name of a placeholder"),
        ("{{ raw(name) }}", "is not the name of a placeholder"),
        ("{{ range a }}", "is not the name of a placeholder"),
        ('{{ include "x" }}', "is not the name of a placeholder"),
        ("{{ name | raw }}", "is not the name of a placeholder"),
        ("{{ " + "a" * 600 + " }}", "more than 500 characters between braces"),
        ("{{ if a }}" * 17, "more than 16 ifs inside each other"),
        ("{{ a }}" * 1001, "more than 1000 pairs of braces"),
    ],
)
def test_it_is_refused(text, problem):
    with pytest.raises(jet.TemplateError) as refused:
        jet.read(text)
    assert problem in str(refused.value)


@given(st.text(st.sampled_from('{}*ab !=&|"\nifelsend'), max_size=200))
def test_a_text_is_a_template_or_an_error(text):
    try:
        read = jet.read(text)
    except jet.TemplateError:
        return
    read.render({"a": "x"})


@pytest.mark.parametrize(
    "text", ["{" * 1_000_000, "{*" * 500_000, "{{ a }}" * 900 + "x" * 900_000, "{{" + "a" * 900_000]
)
def test_a_long_text_takes_no_longer_than_it_is_long(text):
    began = time.perf_counter()
    with contextlib.suppress(jet.TemplateError):
        jet.read(text)
    assert time.perf_counter() - began < 5


def test_our_own_words_are_templates_of_every_use_case():
    for case in use_cases.USE_CASES.values():
        ours = use_cases.draft(case)
        for text in (ours.subject, ours.text, ours.html):
            names = jet.read(text).names
            assert names <= {*case.placeholders}
            assert all(ord(letter) < 0xE000 for letter in text)
        assert {*case.proofs} <= jet.read(ours.text).names
        assert {*case.proofs} <= jet.read(ours.html).names
