"""Templates: found by name, read once, run in the sandbox; each case is a file in `tests/templates/`.

A case is `name.j2` and, beside it, `name.txt`: the prompt for good ones, the error for bad ones. After a change that
is meant, `LLM_PERSONA_WRITE_CASES=1 pytest tests/templating/test_templates.py` writes the second anew.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_persona import Persona, PersonaRegistry, multiline, trusted
from llm_persona.errors import InvalidValueError, PersonaError, TemplateError
from llm_persona.limits import Limits
from llm_persona.persona.binding import Bound
from llm_persona.templating.templates import Templates

CASES = Path(__file__).parents[1] / "templates"
GOOD = sorted(path.stem for path in CASES.glob("good/*.j2"))
BAD = sorted(path.stem for path in CASES.glob("bad/*.j2"))
SHARED = Path(__file__).parents[2] / ".." / "shared"
BUNDLED = ["default", "markdown", "xml", "compact"]
WRITE = "LLM_PERSONA_WRITE_CASES" in os.environ

MAYA = Persona(
    name="Maya",
    role="Helper",
    capabilities=["look", "find {user_name}"],
    constraints=["never <shout>"],
    custom_sections={"Hours": "9 to 5", "Odd": " two \n\n\n spaces \t"},
    variables={"user_name": None, "refund_limit": "$5", "plan": "free"},
)
SESSION: dict[str, object] = {
    "user_name": "Jo",
    "flag": True,
    "list": ["a"],
    "mapping": {"a": 1},
    "day": date(2026, 1, 2),
    "number": 1.50,
    "price": Decimal("19.90"),
    "huge": Decimal("1E+3999"),
    "items": "the items",
    "user-name": "by index",
    "data": {"items": "I\nI", "keys": 2, "list": ["a\nb", "c"]},
    "ticket": multiline("First\n<b>second</b>\r\nthird"),
    "mine": trusted("<mine>\n& all"),
}


def made(folder: Path | str | None, persona: Persona = MAYA) -> Persona:
    limits = Limits(template_tokens=100_000)  # some are there to be nested deeply
    return dataclasses.replace(persona, _bound=Bound(Templates(folder, limits=limits)))


def checked(case: Path, found: str) -> None:
    expected = case.with_suffix(".txt")
    if WRITE:
        expected.write_text(found + "\n", encoding="utf-8", newline="")
    assert found + "\n" == expected.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def good() -> Persona:
    return made(CASES / "good")


@pytest.fixture(scope="module")
def bad() -> Persona:
    return made(CASES / "bad")


def test_there_are_cases() -> None:
    """An empty folder is a mistake, not a success; and no expectation is left without its template."""
    assert GOOD
    assert BAD
    for kind, names in (("good", GOOD), ("bad", BAD)):
        assert sorted(path.stem for path in CASES.glob(f"{kind}/*.txt")) == names


@pytest.mark.parametrize("name", GOOD)
def test_good_templates(name: str, good: Persona) -> None:
    """Each good template gives the prompt beside it, twice."""
    session = SESSION | ({"user_name": "<Jo> & 'Co'"} if "xml" in name else {})
    prompt = good.render(name, **session)
    assert prompt.text == good.render(name, **session).text
    assert prompt.stable + prompt.rest == prompt.text
    checked(CASES / "good" / f"{name}.j2", prompt.text)


@pytest.mark.parametrize("name", BAD)
def test_bad_templates(name: str, bad: Persona) -> None:
    """Each bad template ends in our error, with its file, its line, and the words beside it; so does a second try."""
    messages = []
    for _ in range(2):
        with pytest.raises(TemplateError) as raised:
            bad.render(name, **SESSION)
        messages.append(str(raised.value).replace(f"{CASES / 'bad'}{os.sep}", ""))
        assert type(raised.value) is TemplateError
        assert raised.value.line
        assert raised.value.source is not None
        assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)
    assert messages[0] == messages[1]
    for leak in ("llm_persona.", "jinja", "object at 0x", "sandbox", "introspection", "Traceback", "Undefined"):
        assert leak.lower() not in messages[0].lower()
    checked(CASES / "bad" / f"{name}.j2", messages[0])


@pytest.mark.parametrize("name", BAD)
def test_bad_templates_are_bad_in_xml_too(name: str, tmp_path: Path) -> None:
    """No error of the plain environment is a prompt in an xml one."""
    source = (CASES / "bad" / f"{name}.j2").read_text(encoding="utf-8")
    if "extends" in source or "import" in source or "include" in source or "{% block" in source:
        return
    (tmp_path / "t.j2").write_text(
        f'{{% extends "xml" %}}{{% block session %}}\n{source}\n{{% endblock %}}', encoding="utf-8"
    )
    with pytest.raises(TemplateError):
        made(tmp_path).render("t", **SESSION)


def shared_cases() -> Iterator[object]:
    index = SHARED / "bad-templates" / "index.json"
    if not index.exists():
        yield pytest.param(None, marks=pytest.mark.skip(reason="../shared is not beside this checkout"))
        return
    for case in json.loads(index.read_text(encoding="utf-8"))["cases"]:
        yield pytest.param(case, id=case["file"])


@pytest.mark.parametrize("case", list(shared_cases()))
def test_shared_bad_templates(case: dict[str, object], tmp_path: Path) -> None:
    """Each ends in our error at its line, with its words; those that are fine render."""
    file = str(case["file"])
    (tmp_path / file).write_bytes((SHARED / "bad-templates" / file).read_bytes())
    persona = made(tmp_path)
    if case["kind"] == "ok":
        assert persona.build_system_prompt(file, user_name="Jo").startswith("Role: Helper")
        return
    with pytest.raises(TemplateError) as raised:
        persona.render(file, user_name="Jo")
    assert raised.value.path == f"{tmp_path}/{file}"
    assert raised.value.line == (case["line"] or 3)
    for word in case["words"]:  # type: ignore[attr-defined]
        assert word in str(raised.value)


NAMES = [
    "../x.j2",
    "..\\x.j2",
    "/etc/passwd",
    "a/../../x.j2",
    "./x.j2",
    "a//b.j2",
    "C:\\x",
    "%2e%2e/x.j2",
    "x\0.j2",
    "",
    ".",
    "..",
    "...",
    " ",
    "x.j2/",
    "a/\uff0e\uff0e/b",
    "CON",
    "aux.j2",
    "x{1/0}.j2",
    "~/x.j2",
    "file:///etc/passwd",
    "x\n",
    "é",
    ".j2",
]


@pytest.mark.parametrize("name", NAMES)
def test_odd_names_are_refused_before_anything_is_looked_for(name: str) -> None:
    """A name that could leave its folder, or means a device, is no template's name."""
    with pytest.raises(TemplateError, match=r"cannot be a template's name"):
        MAYA.render(name, user_name="Jo")


def test_shared_names_are_refused() -> None:
    """All names of the shared list end in our error."""
    index = SHARED / "bad-templates" / "index.json"
    if not index.exists():
        pytest.skip("../shared is not beside this checkout")
    names = json.loads(index.read_text(encoding="utf-8"))["names_to_refuse"]
    assert len(names) > 10
    for name in names:
        with pytest.raises(TemplateError):
            MAYA.render(name, user_name="Jo")


@pytest.mark.parametrize("name", [5, b"default", ["default"], ("a",)])
def test_a_name_is_a_text(name: object) -> None:
    """What is not a text is no template's name."""
    with pytest.raises(PersonaError):
        MAYA.render(name, user_name="Jo")  # type: ignore[arg-type]


# ---- folders


def write(folder: Path, **sources: str) -> Path:
    for name, source in sources.items():
        path = folder / f"{name.replace('__', '/')}.j2"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    return folder


def test_the_products_templates_are_found_first(tmp_path: Path) -> None:
    """By path without `.j2`, or with it; a product's own shadow the bundled, and several folders count in order."""
    one = write(tmp_path / "one", support="one", default="mine")
    two = write(tmp_path / "two", support="two", acme__sales="sales")
    templates = Templates([one, two])
    persona = dataclasses.replace(MAYA, _bound=Bound(templates))
    for name, text in {"support": "one", "support.j2": "one", "default": "mine", "acme/sales": "sales"}.items():
        assert persona.build_system_prompt(name, user_name="Jo") == text
    assert persona.build_system_prompt(user_name="Jo") == "mine"
    assert {"acme/sales", "base", "default", "markdown", "support"} <= set(templates.names())


def test_nothing_shadows_the_bundled_templates(tmp_path: Path) -> None:
    """`llm_persona/markdown` is the bundled one whatever a product calls its own, and bundled ones extend one another."""
    write(
        tmp_path, base="my base", default='{% extends "default" %}', llm_persona__markdown="mine", llm_persona__x="mine"
    )
    persona = made(tmp_path)
    for name in BUNDLED:
        assert persona.render(f"llm_persona/{name}", user_name="Jo") == MAYA.render(name, user_name="Jo")
        assert persona.render(name, user_name="Jo") == MAYA.render(name, user_name="Jo")
    assert persona.build_system_prompt("base", user_name="Jo") == "my base"
    with pytest.raises(TemplateError, match="there is no template"):
        persona.render("llm_persona/x", user_name="Jo")


def test_a_products_markdown_may_extend_markdown(tmp_path: Path) -> None:
    """The bundled one is meant, not itself; a template that extends it gets both."""
    write(
        tmp_path,
        markdown='{% extends "markdown.j2" %}\n{% block session %}\nPlan: {{ session.plan }}\n{% endblock %}',
        sub='{% extends "markdown" %}\n{% block tone %}\n{{ super() }}!\n{% endblock %}',
    )
    bundled = MAYA.build_system_prompt("markdown", user_name="Jo")
    assert made(tmp_path).build_system_prompt("markdown", user_name="Jo") == f"{bundled}\n\nPlan: free"
    prompt = made(tmp_path).render("sub", user_name="Jo", t=multiline("a"))
    assert "professional!" in prompt
    assert prompt.text.endswith("Plan: free")


def test_the_family_is_that_of_the_bundled_root(tmp_path: Path) -> None:
    """A chain that ends in the bundled xml escapes; a product's own `xml` from scratch does not."""
    write(
        tmp_path,
        own__a='{% extends "b" %}',
        b='{% extends "llm_persona/xml" %}{% block session %}{{ session.x }}{% endblock %}',
        xml="{{ session.x }}",
        c='{% extends "xml" %}',
    )
    persona = made(tmp_path)
    assert persona.build_system_prompt("own/a", user_name="Jo", x="<").endswith("&lt;")
    assert persona.build_system_prompt("xml", user_name="Jo", x="<") == "<"
    assert persona.build_system_prompt("c", user_name="Jo", x="<") == "<"


def test_editing_a_file_changes_nothing_in_a_running_registry(tmp_path: Path) -> None:
    """Sources are read when the registry is made; a new one reads them again."""
    write(tmp_path, t="one")
    persona = made(tmp_path)
    write(tmp_path, t="two", u="new")
    assert persona.build_system_prompt("t", user_name="Jo") == "one"
    with pytest.raises(TemplateError):
        persona.render("u", user_name="Jo")
    assert made(tmp_path).build_system_prompt("t", user_name="Jo") == "two"


def refused(folder: Path, name: str, words: str, line: int | None = None) -> None:
    """The file is there and cannot be used: alone, and where another includes it."""
    write(folder, good="fine", asks=f"a\n{{% include '{name}' %}}")
    persona = made(folder)
    assert persona.build_system_prompt("good", user_name="Jo") == "fine"
    with pytest.raises(TemplateError) as raised:
        persona.render(name, user_name="Jo")
    assert words in str(raised.value)
    assert raised.value.path == f"{folder}/{name}.j2"
    assert raised.value.line == line
    with pytest.raises(TemplateError) as raised:
        persona.render("asks", user_name="Jo")
    assert words in str(raised.value)
    assert (raised.value.path, raised.value.line) == (f"{folder}/asks.j2", 2)


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    """Its line is named."""
    (tmp_path / "x.j2").write_bytes(b"a\nb\nMa\xefa")
    refused(tmp_path, "x", "is not UTF-8", 3)


def test_a_file_with_nul(tmp_path: Path) -> None:
    """NUL is in no prompt, wherever it comes from."""
    (tmp_path / "x.j2").write_bytes(b"a\nb\0")
    refused(tmp_path, "x", "holds NUL", 2)


def test_a_huge_file(tmp_path: Path) -> None:
    """A template has a million bytes at most, and no more is read."""
    (tmp_path / "x.j2").write_bytes(b"a" * 1_000_001)
    refused(tmp_path, "x", "is larger than 1,000,000 bytes", 1)


def test_a_link_out_of_the_folder(tmp_path: Path) -> None:
    """No link leads out, by a file or by a folder; one inside is fine."""
    outside = write(tmp_path / "t-other", secret="secret")
    folder = write(tmp_path / "t", a__b="inside")
    (folder / "x.j2").symlink_to(outside / "secret.j2")
    (folder / "y.j2").symlink_to(folder / "a" / "b.j2")
    (folder / "far").symlink_to(outside)
    refused(folder, "x", "links to a place outside of its folder")
    assert made(folder).build_system_prompt("y", user_name="Jo") == "inside"
    with pytest.raises(TemplateError, match="there is no template"):
        made(folder).render("far/secret", user_name="Jo")


def test_links_that_lead_nowhere_or_to_themselves(tmp_path: Path) -> None:
    """A dangling link, a link to itself, and folders that link to one another end in our error, or in peace."""
    (tmp_path / "x.j2").symlink_to(tmp_path / "nothing")
    refused(tmp_path, "x", "cannot be read")
    (tmp_path / "y.j2").symlink_to(tmp_path / "y.j2")
    refused(tmp_path, "y", "cannot be read")
    for name in "abc":
        (tmp_path / "d" / name).mkdir(parents=True)
        (tmp_path / "d" / name / "up").symlink_to(tmp_path / "d")
        (tmp_path / "d" / name / "self").symlink_to(tmp_path / "d" / name)
    assert made(tmp_path).build_system_prompt("good", user_name="Jo") == "fine"


def test_a_mount_of_kubernetes(tmp_path: Path) -> None:
    """Links inside the folder to a copy under `..` are followed, and the copies are no templates of their own."""
    write(tmp_path / "..v2", support="v2", acme__sales="sales")
    (tmp_path / "..data").symlink_to("..v2")
    (tmp_path / "support.j2").symlink_to("..data/support.j2")
    (tmp_path / "acme").symlink_to("..data/acme")
    persona = made(tmp_path)
    assert persona.build_system_prompt("support", user_name="Jo") == "v2"
    assert persona.build_system_prompt("acme/sales", user_name="Jo") == "sales"
    assert [name for name in Templates(tmp_path).names() if "sales" in name] == ["acme/sales"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_a_fifo_does_not_hang(tmp_path: Path) -> None:
    """Only regular files are read."""
    os.mkfifo(tmp_path / "x.j2")
    done = threading.Thread(target=refused, args=(tmp_path, "x", "is not a regular file"), daemon=True)
    done.start()
    done.join(20)
    assert not done.is_alive()
    refused(tmp_path, "x", "is not a regular file")


def test_a_folder_called_like_a_template(tmp_path: Path) -> None:
    """It is a folder."""
    write(tmp_path, **{"x.j2__inner": "inner"})
    assert made(tmp_path).build_system_prompt("x.j2/inner", user_name="Jo") == "inner"
    with pytest.raises(TemplateError, match="there is no template 'x'"):
        made(tmp_path).render("x", user_name="Jo")


def test_an_unreadable_file(tmp_path: Path) -> None:
    """What may not be read is said, where it is asked for."""
    (tmp_path / "x.j2").write_text("x")
    (tmp_path / "x.j2").chmod(0)
    if os.access(tmp_path / "x.j2", os.R_OK):
        pytest.skip("this user may read everything")
    refused(tmp_path, "x", "cannot be read: Permission denied")


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    """It is an error when the registry is made, not at the first render; so is a file in its place."""
    with pytest.raises(TemplateError, match="is missing"):
        Templates(tmp_path / "nothing")
    (tmp_path / "file").write_text("x")
    with pytest.raises(TemplateError, match="is not a folder"):
        Templates(tmp_path / "file")


@pytest.mark.parametrize("folders", [5, b"x", [5], [b"x"], "", "a\0b", [None], True])
def test_folders_are_paths(folders: object) -> None:
    """What is no path is refused in words."""
    with pytest.raises((InvalidValueError, TemplateError)):
        Templates(folders)  # type: ignore[arg-type]


def test_a_long_chain_and_a_wide_web(tmp_path: Path) -> None:
    """A chain of 32 templates works and one of 2,000 is an error; many ways to one template cost no time."""
    for index in range(2000):
        write(tmp_path, **{f"c{index}": f'{{% extends "c{index + 1}" %}}'})
    write(tmp_path, c2000="x")
    persona = made(tmp_path)
    assert persona.build_system_prompt("c1970", user_name="Jo") == "x"
    with pytest.raises(TemplateError, match="in a chain"):
        persona.render("c0", user_name="Jo")
    for index in range(30):
        write(
            tmp_path,
            **{
                f"w{index}": f'{{% if false %}}{{% include "w{index + 1}" %}}{{% include "w{index + 1}.j2" %}}{{% endif %}}'
            },
        )
    write(tmp_path, w30="")
    assert made(tmp_path).build_system_prompt("w0", user_name="Jo") == ""


def test_eight_threads_compile_and_render_at_once() -> None:
    """All get the same prompts and errors, however many compile the same templates first."""
    assert len(GOOD) > 10
    expected = {name: made(CASES / "good").build_system_prompt(name, **SESSION) for name in GOOD}
    for _ in range(3):
        persona = made(CASES / "good")
        start = threading.Barrier(8)

        def work(offset: int, persona: Persona = persona, start: threading.Barrier = start) -> dict[str, str]:
            start.wait()
            names = GOOD[offset:] + GOOD[:offset]
            return {name: persona.build_system_prompt(name, **SESSION) for name in names}

        with ThreadPoolExecutor(8) as pool:
            for texts in pool.map(work, range(8)):
                assert texts == expected


# ---- the original prompt


def original(persona: Persona) -> str:
    """DESIGN section 5 once more, in plain Python."""
    at = f" at {persona.company}" if persona.company else ""
    paragraphs = [f"You are {persona.display_name or persona.name}, a {persona.role}{at}.", f"Tone: {persona.tone}"]
    if persona.capabilities:
        paragraphs.append("\n".join(["You can:", *(f"- {text}" for text in persona.capabilities)]))
    if persona.constraints:
        paragraphs.append("\n".join(["Do not:", *(f"- {text}" for text in persona.constraints)]))
    paragraphs.extend(text for text in persona.custom_sections.values() if text)
    return "\n\n".join(paragraphs)


prose = st.text(st.sampled_from("a{}% #<&'\"\n\t\r \\$") | st.characters(exclude_categories=["Cs"])).map(
    lambda text: text.replace("\0", "")
)
some = prose.filter(lambda text: bool(text.strip()))
names = st.text(st.characters(categories=["L", "N", "Zs"]), min_size=1, max_size=20).filter(
    lambda name: bool(name.strip())
)
personas = st.builds(
    Persona,
    name=names,
    role=some,
    company=st.none() | prose,
    tone=some,
    capabilities=st.lists(some, max_size=3),
    constraints=st.lists(some, max_size=3),
    greeting=st.none() | prose,
    custom_sections=st.dictionaries(names, prose, max_size=3),
    display_name=st.none() | names,
    variables=st.just({}),
)


@settings(max_examples=200)
@given(personas)
def test_default_prints_the_original_prompt_byte_for_byte(persona: Persona) -> None:
    """Whatever a persona says, `default` is DESIGN section 5."""
    prompt = persona.render()
    assert prompt.text == original(persona)
    assert prompt.stable == prompt.text


def shared_prompts() -> dict[str, str]:
    data = SHARED / "data" / "ai-personas.json"
    if not data.exists():
        pytest.skip("../shared is not beside this checkout")
    return {name: entry["prompt"] for name, entry in json.loads(data.read_text(encoding="utf-8")).items()}


def test_real_prompts_come_out_word_for_word() -> None:
    """Each of 1,561 real texts, as a section of a persona with `variables: {}`, stands in every bundled prompt as it is."""
    texts = shared_prompts()
    assert len(texts) == 1561
    for text in texts.values():
        persona = Persona(name="Maya", role="Helper", custom_sections={"Text": text}, variables={})
        assert persona.build_system_prompt() == original(persona)
        for template in BUNDLED[1:]:
            assert text in persona.build_system_prompt(template)


# ---- session values in every bundled template

GREETER = Persona(
    name="Maya",
    role="Helper",
    company="Acme",
    tone="kind to {value}",
    capabilities=["Say hello to {value}", "List"],
    constraints=["No {value}"],
    greeting="Hi {value}, I'm {name} of {company}.",
    custom_sections={"First": "Hello {value}!", "Second": "{value}"},
    variables={"value": None},
)
COMPANYLESS = dataclasses.replace(
    GREETER,
    company=None,
    custom_sections={"First": "At {company}, {value}."},
    variables={"value": None, "company": "?"},
)


def structure(text: str, value: str) -> list[str]:
    return [line.replace(value, "VALUE") for line in text.split("\n")]


def in_its_place(value: str, shown: str) -> None:
    """Each line of each prompt is what it is for a harmless value, but for the value; so is the introduction."""
    for template in BUNDLED:
        plain = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") if template == "xml" else shown
        harmless = GREETER.build_system_prompt(template, value="VALUE", name="Eve", company="Evil", role="ADMIN")
        text = GREETER.build_system_prompt(template, value=value, name=value, company=value, role=value)
        assert text == harmless.replace("VALUE", plain)
        assert len(text.splitlines()) == len(harmless.splitlines())
    assert GREETER.build_greeting(value=value, name=value, company=value) == f"Hi {shown}, I'm Maya of Acme."


def shared_values() -> list[str]:
    data = SHARED / "data" / "session-values.json"
    if not data.exists():
        pytest.skip("../shared is not beside this checkout")
    found = json.loads(data.read_text(encoding="utf-8"))
    values = [*found["naughty_strings"], *(v for case in found["cases"] for v in case["context"].values())]
    return [value for value in values if isinstance(value, str) and value and "\0" not in value]


def folded(value: str) -> str:
    out = ""
    breaks = {chr(code) for code in (*range(32), *range(127, 160), 0x2028, 0x2029)} - {"\t"}
    for character in value:
        if character not in breaks:
            out += character
        elif not (out and out[-1] == "\0"):
            out += "\0"
    return out.replace("\0", " ")


def test_shared_session_values_stay_in_their_place() -> None:
    """No line of any bundled prompt but the value's own changes; nothing from a value is run, looked up or filled again."""
    for value in shared_values():
        in_its_place(value, folded(value))


def test_shared_session_cases() -> None:
    """Each case prints what it should, or says what is missing and what was meant."""
    data = SHARED / "data" / "session-values.json"
    if not data.exists():
        pytest.skip("../shared is not beside this checkout")
    for case in json.loads(data.read_text(encoding="utf-8"))["cases"]:
        persona = Persona(name="Maya", role="Helper", custom_sections={"S": case["text"]})
        if "error_words" in case:
            with pytest.raises(PersonaError) as raised:
                persona.render(**case["context"])
            for word in case["error_words"]:
                assert word in str(raised.value)
            continue
        prompt = persona.build_system_prompt(**case["context"])
        assert prompt.startswith("You are Maya, a Helper.\n\nTone: helpful and professional\n\n")
        if "expect" in case:
            assert prompt.endswith(f"\n\n{case['expect']}")


values = st.text(
    st.sampled_from("a<>&{}%\n\r\t\v\x85\u2028$'\"# -") | st.characters(exclude_categories=["Cs"]), min_size=1
).map(lambda text: text.replace("\0", "") or "x")


@settings(max_examples=200)
@given(values)
def test_no_session_value_leaves_its_place(value: str) -> None:
    """The same for any text."""
    in_its_place(value, folded(value))


@settings(max_examples=100)
@given(values, values, st.sampled_from(BUNDLED))
def test_no_extra_section_leaves_its_place(name: str, text: str, template: str) -> None:
    """What comes before it stays; each of its lines is set off, or escaped, and its name adds none."""
    before = GREETER.build_system_prompt(template, value="v")
    prompt = GREETER.build_system_prompt(template, value="v", extra_sections={name: text})
    assert prompt.startswith(before + "\n\n")
    added = prompt[len(before) + 2 :].split("\n")
    if template == "xml":
        assert added[0].startswith('<section name="')
        assert added[0].endswith('">')
        assert '"' not in added[0][15:-2]
        assert added[-1] == "</section>"
        assert "<" not in "".join(added[1:-1]) + added[0][1:]
        assert len(added) == 2 + len(text.splitlines())
        return
    prefix = "> " if template == "markdown" else "    "
    head = 2 if template == "markdown" else 1
    assert added[0] == (f"## {folded(name)}" if template == "markdown" else f"{folded(name)}:")
    assert all(line.startswith(prefix) for line in added[head:])
    assert len(added) == head + len(text.splitlines())


@settings(max_examples=100)
@given(values)
def test_no_session_value_renames_a_persona(value: str) -> None:
    """`{company}` takes the session's only where the persona has none, and the spoken name is never a session's."""
    for template in BUNDLED:
        prompt = COMPANYLESS.build_system_prompt(template, value="v", name=value, company=value, display_name=value)
        harmless = COMPANYLESS.build_system_prompt(template, value="v", company="VALUE")
        shown = folded(value)
        if template == "xml":
            shown = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        assert prompt == harmless.replace("VALUE", shown)


@pytest.mark.parametrize("template", BUNDLED)
def test_the_stable_part_holds_all_before_the_first_session_text(template: str) -> None:
    """All of the persona that comes before the first text that names a session value is in the stable part."""
    persona = dataclasses.replace(
        GREETER, tone="kind", capabilities=["one", "two"], constraints=["three", "never {value}", "x"]
    )
    prompt = persona.render(template, value="VALUE")
    assert prompt.stable == prompt.text[: prompt.text.rindex("\n", 0, prompt.text.index("VALUE"))]
    assert prompt.stable.endswith("- three")
    none = Persona(name="M", role="R", capabilities=["one"], custom_sections={"S": "text"})
    for session in ({}, {"extra_sections": {"a": "b"}}, {"other": "x"}):
        prompt = none.render(template, **session)
        assert prompt.stable == none.build_system_prompt(template)


@pytest.mark.parametrize(
    "name", ["items", "keys", "get", "self", "template", "persona", "session", "values", "user-name", "name", "class"]
)
def test_any_name_is_a_session_variable(name: str, tmp_path: Path) -> None:
    """`session.x` is always the variable x, whatever it is called."""
    asked = f"session.{name}" if name.isidentifier() else f"session['{name}']"
    write(tmp_path, t=f"{{{{ {asked} }}}} {{{{ session['{name}'] }}}} {{{{ {asked} is defined and 'yes' }}}}")
    assert made(tmp_path).build_system_prompt("t", **{"user_name": "Jo", name: "value"}) == "value value yes"


def test_a_field_reached_by_a_detour_needs_its_variables(tmp_path: Path) -> None:
    """A greeting's variables count wherever a template may print it, were it under another name."""
    persona = Persona(name="M", role="R", greeting="Hi {who}", variables={"who": None})
    write(
        tmp_path, a="{% set p = persona %}{{ p.greeting }}", b="{{ persona['gre' ~ 'eting'] }}", c="{{ persona.name }}"
    )
    for template in "ab":
        with pytest.raises(PersonaError, match="'who'"):
            made(tmp_path, persona).render(template)
        assert made(tmp_path, persona).render(template, who="Jo") == "Hi Jo"
    assert made(tmp_path, persona).render("c") == "M"


def test_a_session_handed_on_uses_what_nobody_can_tell(tmp_path: Path) -> None:
    """Where a template hands the session on, no variable is called unused."""
    write(tmp_path, a="{% macro m(s) %}{{ s.x }}{% endmacro %}{{ m(session) }}", b="{{ persona.name }}")
    assert made(tmp_path).render("a", user_name="Jo", x="1", y="2").unused == ()
    assert made(tmp_path).render("b", user_name="Jo", x="1", y="2").unused == ("x", "y")


def test_sections_by_name(tmp_path: Path) -> None:
    """`prompt.sections` has each block's text, in order, in the template that reorders them too."""
    write(
        tmp_path,
        t='{% extends "default" %}{% block prompt %}{% block tone %}{{ super() }}{% endblock %}\n{% block identity %}{{ super() }}{% endblock %}{% endblock %}',
    )
    prompt = made(tmp_path).render("t", user_name="Jo")
    assert prompt.sections == {"tone": "Tone: helpful and professional", "identity": "You are Maya, a Helper."}
    assert list(prompt.sections) == ["tone", "identity"]
    assert "\n\n".join(MAYA.render(user_name="Jo").sections.values()) == MAYA.build_system_prompt(user_name="Jo")


def test_a_registry_reports_its_templates_errors(tmp_path: Path) -> None:
    """A persona taken from a registry meets the same errors."""
    write(tmp_path, t="\n{{ session.usr_name }}")
    registry = PersonaRegistry(templates=tmp_path)
    registry.define(MAYA)
    with pytest.raises(TemplateError) as raised:
        registry.get("Maya").render("t", user_name="Jo")
    assert str(raised.value) == (
        f"{tmp_path}/t.j2:2:12: session has no 'usr_name'; did you mean 'user_name'?\n"
        "    {{ session.usr_name }}\n"
        "               ^"
    )


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{{ {'pro': 1}[session.u] }}", "a mapping has no item of the name that it is asked for"),
        ("{{ persona[session.u] }}", "persona has no field of the name that it is asked for"),
        ("{{ session[session.u] }}", "session has no variable of the name that it is asked for"),
        ("{{ persona.constraints[session.n] }}", "a list has no item of so high a number"),
        ("{{ session.m[session.u] }}", "a mapping has no item of the name that it is asked for"),
        ("{{ session.u[session.u ~ 'x'] }}", "a text has no item of the name that it is asked for"),
        ("{{ session.l|map(session.u)|list }}", "there is no filter '…'"),
        ("{{ session.l|select(session.u)|list }}", "there is no test '…'"),
        ("{% macro m(a) %}{% endmacro %}{{ m(**session.m) }}", "macro 'm' takes no keyword argument '…'"),
        ("{{ session.l|map(attribute=session.u)|join }}", "a text has no item of the name that it is asked for"),
        ("{{ {'pro': 1}['plus'] }}", "a mapping has no 'plus'"),
        ("{{ session.l|map(attribute='plus.x')|join }}", "a text has no 'plus'"),
    ],
)
@pytest.mark.parametrize("base", ["{}", '{{% extends "xml.j2" %}}{{% block tone %}}{}{{% endblock %}}'])
def test_no_message_says_a_value_of_the_session(template: str, told: str, base: str, tmp_path: Path) -> None:
    """Though a template asks for something by it: only names that a template writes are said, in every run."""
    (tmp_path / "own.j2").write_text(base.format(template))
    registry = PersonaRegistry(tmp_path)
    variables = dict.fromkeys("ulmn")
    registry.define(Persona("Maya", "Guide", constraints=["c"], variables=variables, template="own"))
    values: dict[str, object] = {"u": "kanari", "l": ["kanari", "kanarix"], "m": {"kanari2": "kanari"}, "n": 717711}
    for _ in range(3):
        with pytest.raises(TemplateError) as caught:
            registry.get("Maya").render(**values)
        assert told in caught.value.message
        assert "kanari" not in str(caught.value)
        assert "717711" not in str(caught.value)


def test_an_include_that_asks_for_its_loop_is_told_what_to_do(tmp_path: Path) -> None:
    """It sees what the template has set, and no loop."""
    (tmp_path / "own.j2").write_text('{% for c in persona.constraints %}{% include "part.j2" %}{% endfor %}')
    (tmp_path / "part.j2").write_text("{{ loop.index }}")
    registry = PersonaRegistry(tmp_path)
    with pytest.raises(TemplateError, match=r"there is no 'loop' outside of a loop; .*set number = loop\.index"):
        registry.define(Persona("Maya", "Guide", template="own"))


def test_what_many_templates_use_is_compiled_once(tmp_path: Path) -> None:
    """Each of a folder's templates that extend one finds it loaded; one that escapes has another of its own."""
    (tmp_path / "base.j2").write_text("{{ persona.name }}{% block a %}{% endblock %}", encoding="utf-8")
    for name, parent in {"one": "base", "two": "base", "three": "xml", "four": "xml"}.items():
        (tmp_path / f"{name}.j2").write_text(f"{{% extends '{parent}' %}}", encoding="utf-8")
    templates = Templates(tmp_path)
    one, two, three, four = [templates.get(name).compiled.environment for name in ("one", "two", "three", "four")]
    assert (one, three) == (two, four)
    assert one is not three
    assert templates.get("base").compiled is one.get_template("base")


def test_what_another_template_writes_is_still_a_value_of_the_session(tmp_path: Path) -> None:
    """No error of one template says it."""
    (tmp_path / "own.j2").write_text("{{ {'pro': 1}[session.u] }}", encoding="utf-8")
    (tmp_path / "other.j2").write_text("{{ {'kanari': 1}['kanari'] }}", encoding="utf-8")
    registry = PersonaRegistry(tmp_path)
    registry.define(Persona("Maya", "Guide", variables={"u": None}))
    assert registry.get("Maya").render("other", u="Jo") == "1"
    for _ in range(3):
        with pytest.raises(TemplateError) as caught:
            registry.get("Maya").render("own", u="kanari")
        assert "kanari" not in str(caught.value)
