"""Placeholders: what they are, and that nothing else of a text ever changes."""

from __future__ import annotations

import gc
import itertools
import time
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_persona.placeholders import Parts, Placeholder, Placeholders, resolve

ANY = Placeholders(None)
NONE = Placeholders({})
DECLARED = Placeholders({"user": None, "plan": "free"})

pieces = st.sampled_from(
    [
        "{",
        "}",
        "$",
        "{{",
        "}}",
        "a",
        "user",
        "name",
        "company",
        "plan",
        " ",
        "0",
        ".",
        "ﬁ",
        "fi",
        "{user}",
        "{{user}}",
        "é",
    ]
)
texts = st.lists(pieces, max_size=12).map("".join) | st.text()
forms = ["{user}", "{plan}", "{name}", "{company}", "{a}", "{é}", "{ﬁ}", "{²}", "{{a}}", "{{user}}", "{{²}}"]
placed = st.lists(st.sampled_from([*forms, *forms, " ", "x", "$", "{", "}"]), min_size=2, max_size=8).map("".join)


def with_one_of(*known: str) -> st.SearchStrategy[str]:
    """Texts in which one of these stands, apart from what could change it."""
    return st.builds(lambda before, form, after: f"{before} {form} {after}", placed, st.sampled_from(known), placed)


rules = st.sampled_from([ANY, NONE, DECLARED])
SPOKEN = st.sampled_from(["May", "Acme", "é", "€5", "a}", "{", "5$"])


def written(parts: Parts) -> str:
    """Write parts so that places show."""
    return "".join(part if isinstance(part, str) else f"<{part.name}>" for part in parts)


def simple(text: str, declared: set[str] | None) -> str:
    """The rules once more, in the plainest way: walk over runs of braces."""
    out, at = "", 0
    while at < len(text):
        if text[at] != "{":
            out += text[at]
            at += 1
            continue
        opened = at
        while at < len(text) and text[at] == "{":
            at += 1
        word = at
        while at < len(text) and (text[at] == "_" or text[at].isalnum() or text[at : at + 1].isidentifier()):
            at += 1
        closed = at
        while at < len(text) and text[at] == "}":
            at += 1
        name, run = text[word:closed], (word - opened, at - closed)
        normal = unicodedata.normalize("NFKC", name)
        good = name.isidentifier() and text[opened - 1 : opened] != "$"
        if good and run == (1, 1) and (declared is None or normal in declared or normal in ("name", "company")):
            out += f"<{normal}>"
        elif good and run == (2, 2):
            out += "{" + name + "}"
        else:
            out += text[opened:at]
    return out


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{a}", "<a>"),
        ("{a}{b}", "<a><b>"),
        ("{{a}}", "{a}"),
        ("{{{a}}}", "{{{a}}}"),
        ("{{{{a}}}}", "{{{{a}}}}"),
        ("${a}", "${a}"),
        ("${{a}}", "${{a}}"),
        ("$ {a}", "$ <a>"),
        ("{a}$", "<a>$"),
        ("{a}}", "{a}}"),
        ("{{a}", "{{a}"),
        ("{}", "{}"),
        ("{0}", "{0}"),
        ("{a b}", "{a b}"),
        ("{ a }", "{ a }"),
        ("{user.name}", "{user.name}"),
        ("{a!r}{a:>9}", "{a!r}{a:>9}"),
        ('{"a": 1}', '{"a": 1}'),
        ("{{ x }}{% x %}", "{{ x }}{% x %}"),
        ("{a{b}c}", "{a<b>c}"),
        ("{a}{{b}}{c}", "<a>{b}<c>"),
        ("{ﬁ}", "<fi>"),
        ("{{ﬁ}}", "{ﬁ}"),
        ("{class}{None}", "<class><None>"),
        ("{a\n}", "{a\n}"),
        ("{é_1}", "<é_1>"),
        ("{²}{a²}", "{²}{a²}"),
    ],
)
def test_braces_are_counted(text: str, shown: str) -> None:
    """Only one brace on each side, and no `$` before them, make a placeholder; exactly two are the escape."""
    assert written(ANY.parse(text)) == shown


def test_own_names_compare_as_all_others() -> None:
    """However its letters are written, `{name}` is the persona's: with declared variables as without."""
    wide = "{ｎame} of {ｃompany}, {{ｎame}}"
    for rule in (ANY, DECLARED):
        assert rule.names(wide) == ["name", "company"]
        assert rule.undeclared(wide) == []
        assert rule.fill_own(wide, {"name": "May", "company": "Acme"}) == "May of Acme, {{ｎame}}"


@given(texts | with_one_of("{name}", "{company}", "{{user}}"))
def test_foreign_text_comes_out_word_for_word(text: str) -> None:
    """With `variables: {}` nothing is a placeholder, and nothing is unescaped."""
    assert "".join(map(str, NONE.parse(text))) == text
    assert NONE.names(text) == NONE.undeclared(text) == []
    assert NONE.fill_own(text, {"name": "X", "company": "Y"}) == text


@given(with_one_of("{user}", "{plan}"))
def test_only_what_is_declared_changes(text: str) -> bool:
    """With names, only those, `{name}` and `{company}` are placeholders; all others stay as they are written."""
    assert written(DECLARED.parse(text)) == simple(text, {"user", "plan"})
    return bool(DECLARED.names(text))


@given(with_one_of(*forms[:6]))
def test_without_variables_every_identifier_is_a_placeholder(text: str) -> bool:
    """Where no variables were declared, each `{identifier}` is one, and nothing else is."""
    assert written(ANY.parse(text)) == simple(text, None)
    return bool(ANY.names(text))


@given(texts, rules)
def test_no_empty_or_neighbouring_literals(text: str, placeholders: Placeholders) -> None:
    """Parts are as few as they can be."""
    parts = placeholders.parse(text)
    assert "" not in parts
    assert not any(isinstance(a, str) and isinstance(b, str) for a, b in itertools.pairwise(parts))


@given(with_one_of("{a}", "{é}", "{ﬁ}"))
def test_every_placeholder_is_declared_or_reported(text: str) -> bool:
    """A persona with declared variables knows each `{identifier}`, or is told of it."""
    undeclared = DECLARED.undeclared(text)
    assert {unicodedata.normalize("NFKC", name) for name in undeclared} | set(DECLARED.names(text)) == set(
        ANY.names(text)
    )
    assert len(undeclared) == len(set(undeclared))
    return bool(undeclared)


@pytest.mark.hits(0.4)
@given(
    with_one_of("{name}", "{company}"), SPOKEN | texts.filter(bool), SPOKEN | texts, st.sampled_from([ANY, DECLARED])
)
def test_own_values_filled_first_print_the_same(text: str, name: str, company: str, placeholders: Placeholders) -> bool:
    """Filling the persona's own values into the text, and parsing what is left, prints what filling all at once does."""
    own = {"name": name, "company": company}

    def value(asked: str) -> Parts | None:
        return (own[asked],) if asked in own else None

    at_once = resolve(placeholders.parse(text), value)
    later = resolve(placeholders.parse(placeholders.fill_own(text, own)), value)
    assert written(later) == written(at_once)
    return placeholders.fill_own(text, own) != text


@pytest.mark.parametrize(
    ("own", "filled"),
    [
        ({"name": "May", "company": "Acme"}, "May of Acme: {user} {{name}} ${name} {a}"),
        ({"name": "May"}, "May of {company}: {user} {{name}} ${name} {a}"),
        ({"name": "", "company": "A"}, " of A: {user} {{name}} ${name} {a}"),
        ({"name": "a{b", "company": "}"}, "{name} of {company}: {user} {{name}} ${name} {a}"),
        ({"name": "a}b", "company": "{"}, "{name} of {company}: {user} {{name}} ${name} {a}"),
        ({"name": "5$", "company": "$5"}, "{name} of $5: {user} {{name}} ${name} {a}"),
    ],
)
@pytest.mark.parametrize("placeholders", [ANY, DECLARED])
def test_own_values_are_filled_where_nothing_can_follow_from_them(
    placeholders: Placeholders, own: dict[str, str], filled: str
) -> None:
    """`{name}` and `{company}` alone, once; a value that could make a placeholder with its neighbours is left for later."""
    assert placeholders.fill_own("{name} of {company}: {user} {{name}} ${name} {a}", own) == filled
    assert placeholders.fill_own("no brace", own) == "no brace"


def test_what_is_put_together_has_no_seams() -> None:
    """Texts that come to stand beside one another are one text, through several placeholders too."""
    parts = ANY.parse("a{x}b{y}{z}c")
    assert resolve(parts, lambda name: None if name == "z" else (name.upper(),)) == ("aXbY", Placeholder("z"), "c")
    assert resolve((Placeholder("x"), "b"), lambda name: ("A", Placeholder("q"))) == ("A", Placeholder("q"), "b")


def test_a_name_that_compares_as_a_declared_one_is_that_one() -> None:
    """`{ﬁ}` is `fi`, which Python passes; what only looks like a letter is none, with one brace or two."""
    declared = Placeholders({"fi": None})
    assert declared.parse("{ﬁ} {fi} {²} {{²}}") == (Placeholder("fi"), " ", Placeholder("fi"), " {²} {{²}}")
    assert declared.undeclared("{ﬁ} {fi} {a} {{b}} {²} {{²}} {c}} {a}") == ["a"]


@given(texts, texts)
def test_what_is_filled_in_is_never_scanned_again(text: str, value: str) -> None:
    """One pass: a value that looks like a placeholder is text."""
    parts = resolve(ANY.parse(text), lambda name: (value,))
    assert all(isinstance(part, str) for part in parts)
    assert "".join(map(str, parts)) == "".join(part if isinstance(part, str) else value for part in ANY.parse(text))


def spent(read: Callable[[str], object], text: str) -> float:
    """Return the seconds of the thread that it takes to read a text, the collector at rest."""
    gc.disable()
    try:
        start = time.thread_time()
        read(text)
        return time.thread_time() - start
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "shape", ["{", "}", "{{", "{a", "{a}", "{{a", "{a{", "{{a}}", "{}", "{" * 500 + "a", "${a}", "a", "{é"]
)
def test_a_megabyte_of_braces_takes_linear_time(shape: str) -> None:
    """No text makes parsing slow: ten times the size takes about ten times as long, not a hundred.

    Of the processor's time, without the collector's, which grows with what else the run holds.
    """
    for read in (ANY.parse, DECLARED.undeclared, lambda text: DECLARED.fill_own(text, {"name": "x"})):
        seconds = []
        for size in (100_000, 1_000_000):
            text = shape * (size // len(shape))
            seconds.append(spent(read, text))
        assert seconds[1] < 40 * seconds[0] + 0.5


def test_names_compare_as_keyword_arguments_do() -> None:
    """`{ﬁ}` is filled by `fi=`, as Python passes `ﬁ=` on."""
    assert ANY.parse("{ﬁ}") == (Placeholder("fi"),)
    assert Placeholders({"fi": None}).names("{ﬁ} {fi}") == ["fi"]
    assert Placeholders({"fi": None}).undeclared("{ﬁ}") == []


def test_names_are_in_order_each_once() -> None:
    """The first mention counts."""
    assert ANY.names("{b}{a}{b}") == ["b", "a"]
