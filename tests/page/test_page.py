"""The page of a registry: what it holds without a browser. How it behaves in one is in test_page_in_browser."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from llm_persona import Persona, PersonaError, PersonaRegistry
from llm_persona.cli.commands.preview import preview as command
from llm_persona.page.diffs import side_by_side
from llm_persona.page.page import preview

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(str.strip)
HOSTILE = ["</script><script>alert(1)</script>", "<!--<script>", "<img src=x onerror=alert(1)>", "&lt;b&gt;", "\"'><b>"]


class Page(HTMLParser):
    """The elements of a page, the texts of its `bdi`, and what its scripts and styles hold."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.raw: dict[str, str] = {}
        self.persona_texts: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "bdi":
            self.persona_texts.append("")
        if tag not in ("meta", "input"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in ("script", "style"):
            self.raw[f"{self._open[-1]} {self.elements[-1][1].get('type', '')}".strip()] = data
        elif "bdi" in self._open:
            self.persona_texts[-1] += data

    @property
    def prompts(self) -> list[dict[str, Any]]:
        packed = base64.b64decode(self.raw["script application/octet-stream"])
        found: list[dict[str, Any]] = json.loads(zlib.decompress(packed))
        return found


def registry_of(text: str, name: str = "Ann") -> PersonaRegistry:
    registry = PersonaRegistry()
    registry.define(
        Persona(
            name=name,
            role=text,
            company=text,
            tone=text,
            capabilities=[text],
            constraints=[text],
            greeting=text,
            custom_sections={"Notes": text},
            description=text,
            variables={},
        )
    )
    return registry


@pytest.fixture(scope="module")
def acme_page(acme: PersonaRegistry) -> Page:
    return Page(preview(acme))


def test_the_same_registry_makes_the_same_page(acme: PersonaRegistry) -> None:
    """Nothing that varies gets in: no clock, no random number, no place of this machine."""
    assert preview(acme) == preview(acme)
    assert str(Path.cwd()) not in preview(acme)


def test_every_name_has_a_card_and_every_definition_a_branch(acme: PersonaRegistry, acme_page: Page) -> None:
    """Abstract bases too; a side version is in its persona's card and a branch of its own."""
    cards = [attributes["id"] for tag, attributes in acme_page.elements if tag == "article"]
    assert cards == [f"persona-{name}" for name in ("Acme", "Maya", "MayaPremium", "Dora", "Sam")]
    assert set(acme.references(abstract=True)) <= set(acme_page.persona_texts)


def test_every_prompt_is_there_exactly(acme: PersonaRegistry, acme_page: Page) -> None:
    """As a model gets it, variables that no session gave as they are written."""
    expected = [acme.get(key).render(**acme.get(key).sample_session()) for key in ("Maya", "Maya@2", "MayaPremium")]
    assert [prompt["text"] for prompt in acme_page.prompts[:3]] == expected
    assert [prompt["text"][: prompt["stable"]] for prompt in acme_page.prompts[:3]] == [p.stable for p in expected]


def test_the_parts_of_a_prompt_name_the_ancestor_and_the_line(acme: PersonaRegistry, acme_page: Page) -> None:
    """Who gave it, which field, where in the file, and the template's line that printed it."""
    prompt = acme_page.prompts[0]
    pairs = list(zip(prompt["parts"][::2], prompt["parts"][1::2], strict=True))
    assert sum(length for length, _ in pairs) == len(prompt["text"])
    place, found = 0, {}
    for length, source in pairs:
        found[prompt["text"][place : place + length]] = prompt["sources"][source] if source >= 0 else None
        place += length
    giver, field, written, printed, session = found["Never promise specific delivery dates"]
    assert (giver, field, session) == ("Acme", "constraints[1]", False)
    line = acme.explain("Maya").lists["constraints"][0].line
    assert written == f"personas.yaml:{line}"
    assert re.fullmatch(r"llm_persona/markdown\.j2:\d+", printed)
    assert found["{user_name}"][4] is True


def test_the_session_given_is_printed(acme: PersonaRegistry) -> None:
    """Values of a session replace the names of its variables, and are data as all else."""
    page = Page(preview(acme, {"user_name": "</script><b>Jo"}))
    assert "- Name: </script><b>Jo" in page.prompts[0]["text"]
    assert not [tag for tag, _ in page.elements if tag == "b"]


def test_a_prompt_that_cannot_be_rendered_shows_why(acme: PersonaRegistry) -> None:
    """The reason stands in the card, and the other cards are there."""
    page = Page(preview(acme, {"user_nam": "Jo"}))
    assert any("user_name" in text and "user_nam" in text for text in page.persona_texts)
    assert len([tag for tag, _ in page.elements if tag == "article"]) == 5


def test_a_registry_without_personas_is_a_page() -> None:
    """An empty page, not an error."""
    assert Page(preview(PersonaRegistry())).prompts == []


def test_nothing_is_loaded_from_anywhere(acme_page: Page) -> None:
    """No element names an address but places in the page itself."""
    for tag, attributes in acme_page.elements:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form")
        assert not attributes.keys() & {"src", "srcset", "style", "action", "srcdoc"}
        assert attributes.get("href", "#").startswith("#")  # type: ignore[union-attr]  # an href has a value
        assert not [name for name in attributes if name.startswith("on")]
    assert "url(" not in acme_page.raw["style"]
    assert "@import" not in acme_page.raw["style"]


def test_the_policy_allows_this_script_and_this_style_alone(acme_page: Page) -> None:
    """By their hashes; no connection to anywhere."""
    policy = next(a["content"] for _, a in acme_page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    for name, content in (("script-src", acme_page.raw["script"]), ("style-src", acme_page.raw["style"])):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert rules[name] == f"'sha256-{digest}'"


def said(text: str) -> list[str | None]:
    return [problem.code for problem in registry_of(text).problems()]


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(text=st.one_of(TEXTS, st.sampled_from(HOSTILE)))
def test_no_text_of_a_persona_is_anything_but_text(text: str) -> None:
    """Whatever it is, the page has the elements that it has for a plain text, hidden characters' marks aside.

    What `check` says of the text is in the page too, so it is one of which it says what it says of the plain one.
    """
    assume(said(text) == said("plain"))
    plain, page = Page(preview(registry_of("plain"))), Page(preview(registry_of(text)))
    elements = [(tag, sorted(attributes)) for tag, attributes in page.elements if attributes.get("class") != "unseen"]
    assert elements == [(tag, sorted(attributes)) for tag, attributes in plain.elements]
    assert page.raw["script"] == plain.raw["script"]
    assert page.persona_texts.count(text) >= 7
    assert page.prompts[0]["text"] == registry_of(text).get("Ann").render()


@pytest.mark.parametrize("name", [text for text in HOSTILE if "/" not in text])
def test_no_name_of_a_persona_is_anything_but_text(name: str) -> None:
    """Nor where it is an address in the page."""
    page = Page(preview(registry_of("plain", name)))
    plain = Page(preview(registry_of("plain")))
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in plain.elements]
    ids = [attributes["id"] for tag, attributes in page.elements if tag == "article"]
    assert re.fullmatch(r"persona-[\w.~%-]+", str(ids[0]), re.ASCII)
    assert ("a", {"href": f"#{ids[0]}"}) in page.elements


def test_hidden_characters_are_spelled_beside_themselves() -> None:
    """Nobody overlooks them, and the text still holds them."""
    page = Page(preview(registry_of("safe\u202eyebo")))
    assert ("span", {"class": "unseen", "data-shown": "U+202E"}) in page.elements
    assert "safe\u202eyebo" in page.persona_texts
    assert page.prompts[0]["hidden"]


@given(before=st.text("ab \n", max_size=40), after=st.text("ab \n", max_size=40))
def test_a_comparison_holds_both_texts(before: str, after: str) -> None:
    """Lines that are left out aside: those are the same on both sides."""
    rows = side_by_side(before, after)
    for text, side in ((before, "left"), (after, "right")):
        shown = [
            "".join(part for part, _ in getattr(row, side))
            for row in rows
            if row.kind != "skipped" and getattr(row, side) is not None
        ]
        missing = sum(row.skipped for row in rows)
        assert len(shown) + missing == (len(text.split("\n")) if rows else 0)
        lines = iter(text.split("\n"))
        assert all(line in lines for line in shown)
    assert bool(rows) == (before != after)


def test_a_comparison_marks_the_words_that_changed() -> None:
    """And no others of the line."""
    (row,) = side_by_side("You are helpful and brief.", "You are helpful and warm.")
    assert row.left == (("You are helpful and ", False), ("brief", True), (".", False))
    assert row.right == (("You are helpful and ", False), ("warm", True), (".", False))


def test_the_command_writes_the_page_and_prints_its_name(repository: Path, tmp_path: Path) -> None:
    """In one step: whoever reads the file finds the old page or the new one."""
    target = tmp_path / "page.html"
    target.write_text("old", encoding="utf-8")
    file = str(repository / "examples" / "acme" / "personas.yaml")
    words = ["-f", file, "-o", str(target), "-s", "user_name=Jo"]
    with pytest.raises(PersonaError, match="--force"):
        CliRunner().invoke(command, words, catch_exceptions=False)
    assert target.read_text(encoding="utf-8") == "old"
    result = CliRunner().invoke(command, [*words, "--force"], catch_exceptions=False)
    assert (result.exit_code, result.output) == (0, f"{target}\n")
    assert "- Name: Jo" in Page(target.read_text(encoding="utf-8")).prompts[0]["text"]
    assert list(tmp_path.iterdir()) == [target]


def test_the_command_prints_the_page(repository: Path) -> None:
    """With -o -, the page and nothing else."""
    file = str(repository / "examples" / "acme" / "personas.yaml")
    result = CliRunner().invoke(command, ["-f", file, "-o", "-"], catch_exceptions=False)
    history = re.compile(
        r' <span class="note"><bdi>[0-9a-f]+</bdi>, <time .*?</span>'
    )  # of the file, where git knows it
    assert history.sub("", result.stdout_bytes.decode()) == preview(PersonaRegistry.from_file(file))


def test_the_command_calls_the_page_personas(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is personas.html in this folder, unless -o says otherwise."""
    monkeypatch.chdir(tmp_path)
    file = str(repository / "examples" / "acme" / "personas.yaml")
    result = CliRunner().invoke(command, ["-f", file], catch_exceptions=False)
    assert result.output == "personas.html\n"
    assert (tmp_path / "personas.html").is_file()


def test_the_page_says_what_git_knows_of_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commit that changed each last, its date, and whether it was changed since; nothing without a repository."""
    monkeypatch.chdir(tmp_path)
    Path("personas.yaml").write_text("Maya: {role: Guide}\n", encoding="utf-8")
    assert "<time" not in CliRunner().invoke(command, ["-o", "-"], catch_exceptions=False).stdout
    who = {f"GIT_{role}_{what}": "a@b.c" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    when = {"GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z", "GIT_CONFIG_GLOBAL": os.devnull}

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], env={**os.environ, **who, **when}, capture_output=True, check=True)
        return done.stdout.decode().strip()

    git("init", "-q")
    git("add", "personas.yaml")
    git("commit", "-qm", "x")
    page = CliRunner().invoke(command, ["-o", "-"], catch_exceptions=False).stdout
    assert f'<bdi>{git("log", "-1", "--format=%h")}</bdi>, <time datetime="2026-01-02">' in page
    assert "changed since" not in page
    Path("personas.yaml").write_text("Maya: {role: Guide, tone: kind}\n", encoding="utf-8")
    assert "changed since" in CliRunner().invoke(command, ["-o", "-"], catch_exceptions=False).stdout


def test_what_is_gone_is_told() -> None:
    """What left a line stands below the tree, with a link to what `get` gives in its place; without any, nothing does."""
    made = PersonaRegistry()
    made.define(
        Persona("Maya", "Guide", version=2), Persona("Maya@1", replaced_by=2), Persona("<b>", replaced_by="Maya")
    )
    made.define(Persona("Zed", replaced_by=None), Persona("Yan", replaced_by="Maya@1"))
    page = Page(preview(made))
    assert [text for text in page.persona_texts if text in ("Maya@1", "<b>", "Zed", "Yan")] == [
        "Maya@1",
        "<b>",
        "Zed",
        "Yan",
    ]
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert links.count("#persona-Maya") == 4  # the tree's, and those of the three that are replaced
    assert "was retired" in preview(made)
    assert "replaced by" not in preview(PersonaRegistry.from_dict({"Maya": {"role": "Guide"}}))
