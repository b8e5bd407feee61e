"""What a template may cost: each way to much work or much text ends in an error that names its limit and its line."""

from __future__ import annotations

import gc
import json
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from llm_persona import InvalidValueError, Limits, Persona, PersonaRegistry, TemplateError
from llm_persona.page.page import preview

SHARED = Path(__file__).parents[3] / "shared"
SESSION: dict[str, object] = {"u": "Jo", "long": ["x"] * 20_000}
FEW = {
    "steps": 50_000,
    "size": 2_000_000,
    "template_bytes": 100_000,
    "template_tokens": 3_200,
}  # a tenth of what is allowed
MOST = 2  # seconds of CPU time, with so few: it takes a twentieth of one where nothing else is measured
PEAK = 200  # MB of a process that runs one template after the other with all that is allowed


@pytest.fixture(autouse=True)
def only_its_own() -> Iterator[None]:
    """What else the run holds is not gone through by the collector meanwhile: that is no template's."""
    gc.freeze()
    yield
    gc.unfreeze()


def times(count: int, text: str) -> str:
    return text * count


DOUBLED = "{% set x = 'abcdefgh' %}" + times(19, "{% set x = x ~ x %}")  # 4 million characters
MANY = "{% set l = [1, 1] %}" + times(15, "{% set l = l + l %}")
CASES: dict[str, str | dict[str, str]] = {
    "nested loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(9) %}{% endfor %}{% endfor %}{% endfor %}",
    "one long loop": "{% for a in range(1000000000) %}{% endfor %}",
    "a loop that passes over all": "{% for a in range(1000000000) if a < 0 %}{% endfor %}",
    "tilde": "{% set x = 'ab' %}" + times(40, "{% set x = x ~ x ~ x %}"),
    "plus": "{% set x = 'ab' %}" + times(40, "{% set x = x + x %}"),
    "lists added": "{% set x = [1] %}" + times(40, "{% set x = x + x %}"),
    "join": "{% set x = 'ab' %}" + times(40, "{% set x = [x, x]|join(x) %}"),
    "replace": "{% set x = 'aa' %}" + times(40, "{% set x = x|replace('a', x) %}"),
    "replace nothing": "{% set x = 'aa' %}" + times(40, "{% set x = x|replace('', x) %}"),
    "indent": "{% set x = 'a\\nb' %}" + times(40, "{% set x = x|indent(x, true) %}"),
    "indent far": "{{ 'a\\nb'|indent(1000000000) }}",
    "set block": "{% set x %}abc{% endset %}" + times(40, "{% set x %}{{ x }}{{ x }}{% endset %}"),
    "set block of the session": "{% set x %}{{ session.u }}{% endset %}"
    + times(40, "{% set x %}{{ x }}{{ x }}{% endset %}"),
    "tilde of the session": "{% set x = session.u %}" + times(40, "{% set x = x ~ x %}") + "{{ x }}",
    "filter blocks": times(9, "{% filter replace('a', 'aaaaaaaaaa') %}") + "aaaa" + times(9, "{% endfilter %}"),
    "macros": "{% macro m(n) %}{% if n > 0 %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    "callers": "{% macro m(n) %}{% if n > 0 %}{% call m(n - 1) %}{{ caller() }}{% endcall %}{% call m(n - 1) %}{% endcall %}{% endif %}{% endmacro %}{% call m(50) %}y{% endcall %}",
    "imported macros": {
        "t": "{% from 'lib' import m %}{{ m(60) }}",
        "lib": "{% macro m(n) %}{% if n > 0 %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}",
    },
    "an import's own loops": {
        "t": "{% import 'lib' as lib %}{{ lib.x }}",
        "lib": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}{% set x = 1 %}",
    },
    "blocks": "{% block a %}{% endblock %}{% block b0 %}{{ self.a() }}{% endblock %}"
    + "".join(
        f"{{% block b{n} %}}{{{{ self.b{n - 1}() }}}}{{{{ self.b{n - 1}() }}}}{{% endblock %}}" for n in range(1, 30)
    ),
    "supers": {
        **{
            (
                "t" if n == 0 else f"p{n}"
            ): f"{{% extends 'p{n + 1}' %}}{{% block a %}}{{{{ super() }}}}{{{{ super() }}}}{{% endblock %}}"
            for n in range(25)
        },
        "p25": "{% block a %}x{% endblock %}",
    },
    "includes": {
        **{("t" if n == 0 else f"e{n}"): times(2, f"{{% include 'e{n + 1}' %}}") for n in range(28)},
        "e28": "x",
    },
    "an include in a loop": {"t": "{% for a in range(1000000) %}{% include 'p' %}{% endfor %}", "p": "x"},
    "a recursive loop": "{% for a in [1, 1] recursive %}{% if loop.depth < 40 %}{{ loop([1, 1]) }}{% endif %}{% endfor %}",
    "maps": "{{ range(99999)" + times(60, "|map('string')|map('length')|list") + "|length }}",
    "select": "{% for a in range(1000000) %}{{ range(1000000)|select('lt', 0)|list|length }}{% endfor %}",
    "sort": "{% set x = range(90000)|list %}" + times(60, "{% set x = x|sort(reverse=true) %}"),
    "sum of lists": "{% set x = [1] %}"
    + times(16, "{% set x = x + x %}")
    + "{% for a in range(99) %}{{ [x, x, x, x]|sum(start=[])|length }}{% endfor %}",
    "a list of all numbers": "{{ range(1000000000)|list|length }}",
    "the sum of all numbers": "{{ range(1000000000)|sum }}",
    "lists in lists compared": "{% set x = [1] %}{% set y = [1] %}"
    + times(40, "{% set x = [x, x] %}{% set y = [y, y] %}")
    + "{{ 1 if x == y }}",
    "lists in lists, one of each": "{% set x = (1,) %}"
    + times(40, "{% set x = (x, x) %}")
    + "{{ [x, x]|unique|list|length }}",
    "long texts compared": DOUBLED
    + "{% set y = x ~ '' %}{% for a in range(99999) %}{% if x == y %}{% endif %}{% endfor %}",
    "long texts searched": DOUBLED + "{% for a in range(99999) %}{% if session.u in x %}{% endif %}{% endfor %}",
    "long texts tested": DOUBLED + "{% for a in range(99999) %}{% if session.u is in x %}{% endif %}{% endfor %}",
    "long texts cut": DOUBLED + "{% for a in range(99999) %}{% set y = x[1:] %}{% endfor %}",
    "long texts in capitals": DOUBLED + "{% for a in range(99999) %}{% set y = x|upper %}{% endfor %}",
    "long texts split": DOUBLED
    + "{{ x.split('a')|length }}{{ x.split('b')|length }}"
    + times(20, "{{ x.split('c')|length }}"),
    "long texts searched from their ends": DOUBLED + "{{ x.rsplit(x[:200000] ~ 'z')|length }}",
    "long texts stripped": DOUBLED + "{{ x.strip(x ~ 'z')|length }}",
    "long texts trimmed": DOUBLED + "{{ x|trim(x ~ 'z')|length }}",
    "the characters of long texts": DOUBLED + times(4, "{{ x|list|length }}"),
    "escape": "{% set x = '&&&&' %}" + times(20, "{% set x = x ~ x %}") + "{{ x|e|e|e }}",
    "a prompt": "{% set x = '" + times(10_000, "lorem ") + "' %}{% for a in range(9999) %}{{ x }}{% endfor %}",
    "a prompt of own text": "{% for a in range(9999) %}" + times(20_000, "lorem ") + "{% endfor %}",
    "what is not there": "{% for a in range(99999) %}{% if session['x' ~ a] is defined %}{% endif %}{% endfor %}",
    "cycle": "{% for a in range(10000000) %}{{ loop.cycle('a', 'b') }}{% endfor %}",
    "a million bytes": times(16_000, "{{1}}"),
    "many blocks": "".join(f"{{% block b{n} %}}{{% endblock %}}" for n in range(2_000)),
    "a long list": "{{ [" + times(30_000, "1,") + "]|length }}",
    "braces that hide": "{{ {'a': {}}" + times(30_000, ",1") + " }}",
    "lists searched": MANY + "{% for a in range(99999) %}{{ l.index(2) }}{{ l.count(9) }}{% endfor %}",
    "all numbers searched": "{{ range(1000000000).index(0.5) }}",
    "all numbers counted": "{{ range(1000000000).count(0.5) }}",
    "the session's list searched": "{% for a in range(99999) %}{{ session.long.count('y') }}{% endfor %}",
    "all numbers handed over": "{% macro m() %}{{ varargs|length }}{% endmacro %}{{ m(*range(100000000)) }}",
    "all numbers handed to a filter": "{{ 'a'|replace(*range(100000000)) }}",
    "a list handed over in a loop": MANY
    + "{% macro m() %}{% endmacro %}{% for a in range(99999) %}{{ m(*l) }}{% endfor %}",
    "arguments that have defaults": "{% macro m("
    + ",".join(f"a{n}=[{n}]" for n in range(200))
    + ") %}{% endmacro %}{% for a in range(999999) %}{{ m() }}{% endfor %}",
    "a long text that is written, compared": "{% set x = session.u ~ '"
    + times(9_000, "x")
    + "' %}{% for a in range(99999) %}{{ 1 if x == 'Jo"
    + times(9_000, "x")
    + "' }}{% endfor %}",
    "numbers that grow": "{% set n = 1 %}{% for a in range(9) %}{% endfor %}"
    + times(40, "{% set n = [n, n, n, n]|sum %}")
    + "{% set x = 'f' %}"
    + times(19, "{% set x = x ~ x %}")
    + "{% set n = x|int(0, 16) %}{% for a in range(99999) %}{% set m = n // 3 - a %}{% endfor %}",
    "long numbers printed": "{% set n = ('"
    + times(4_000, "9")
    + "')|int %}{% for a in range(99999) %}{{ n }}{% endfor %}",
    "long numbers read": "{% set n = '"
    + times(4_000, "9")
    + "' %}{% for a in range(99999) %}{% set m = n|int %}{% endfor %}",
    "numbers in one place of a mapping": "{% for a in range(9999) %}{% set d = {"
    + ",".join(f"{n * (2**61 - 1)}: a" for n in range(1, 900))
    + "} %}{% endfor %}",
    "numbers in one place of many": "{{ '"
    + ",".join(str(n * (2**61 - 1)) for n in range(1, 9_000))
    + "'.split(',')|map('int')|unique|list|length }}",
    "default of a group": DOUBLED + "{{ range(9999)|map('string')|groupby('x', default=x)|length }}",
    "small filter blocks": "{% for a in range(999999) %}{% filter upper %}a{{ a }}{% endfilter %}{% endfor %}",
    "small conditions": "{% for a in range(999999) %}"
    + times(60, "{% if a >= 0 %}{% set y = 'a'|upper %}{% endif %}")
    + "{% endfor %}",
    "much that is caught, printed again": "{% set x %}"
    + times(60, "a{{ session.u }}")
    + "{% endset %}{% for a in range(999999) %}{{ x }}{% endfor %}",
    "words in capitals": "{% set x = 'ŉß ' %}" + times(20, "{% set x = x ~ x %}") + "{% set x = x|title %}",
    "includes that stand alone": {
        **{("t" if n == 0 else f"e{n}"): times(2, f"{{% include 'e{n + 1}' without context %}}") for n in range(28)},
        "e28": "x{{ 1 }}",
    },
    "an include that stands alone, in a loop": {
        "t": "{% for a in range(999999) %}{% include 'p' without context %}{% endfor %}",
        "p": times(500, "x{{ 1 }}"),
    },
    "imports": {
        **{
            ("t" if n == 0 else f"p{n}"): "".join(
                f"{{% import 'p{other}' as q{other} with context %}}" for other in range(n + 1, 30)
            )
            + "{{ 1 }}"
            for n in range(30)
        }
    },
    "many names handed to includes": {
        "t": "".join(f"{{% set v{n} = 1 %}}" for n in range(500)) + times(150, "{% include 'p' %}"),
        "p": "x",
    },
    "many files": {
        "t": "".join(f"{{% include 'p{n}' %}}" for n in range(600)),
        **{f"p{n}": "x" for n in range(600)},
    },
    "much text in files": {
        "t": "".join(f"{{% include 'p{n}' %}}" for n in range(5)),
        **{f"p{n}": times(19_000, "word ") for n in range(5)},
    },
    "a long name": "{{ persona." + times(90_000, "a") + " }}",
    "a long number": "{{ 0x" + times(90_000, "f") + " }}",
    "many comments": times(20_000, "{##}"),
}
if (SHARED / "cases" / "templates-cost").is_dir():  # more, where they are
    CASES |= {
        folder.name: {file.stem: file.read_text(encoding="utf-8") for file in folder.iterdir()}
        for folder in (SHARED / "cases" / "templates-cost").iterdir()
    }
    for case in json.loads((SHARED / "bad-templates" / "index.json").read_text(encoding="utf-8"))["cases"]:
        if case["kind"] == "limit":
            text = (SHARED / "bad-templates" / case["file"]).read_text(encoding="utf-8")
            CASES[case["file"]] = {"t": text, case["file"].removesuffix(".j2"): text}


def registry(folder: Path, sources: str | dict[str, str], **limits: int) -> PersonaRegistry:
    for name, source in (sources if isinstance(sources, dict) else {"t": sources}).items():
        (folder / f"{name}.j2").write_text(source, encoding="utf-8")
    made = PersonaRegistry(folder, limits=Limits(**limits))
    made.define(
        Persona("Maya", "Helper", template="t", capabilities=["look", "find"], variables=dict.fromkeys(SESSION))
    )
    return made


def rendered(made: PersonaRegistry) -> str:
    with pytest.raises(TemplateError) as raised:
        made.get("Maya").render(**SESSION)
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)
    return str(raised.value)


def checked(made: PersonaRegistry) -> str:
    return "\n".join(str(problem) for problem in made.problems(session=SESSION) if problem.severity == "error")


def checked_by_names(made: PersonaRegistry) -> str:
    return "\n".join(str(problem) for problem in made.problems(session=set(SESSION)) if problem.severity == "error")


def previewed(made: PersonaRegistry) -> str:
    return preview(made, SESSION).replace("&#39;", "'")


WAYS: list[Callable[[PersonaRegistry], str]] = [rendered, checked, checked_by_names, previewed]


def said(way: Callable[[PersonaRegistry], str], folder: Path, sources: str | dict[str, str], **limits: int) -> str:
    """Return what is said of templates, whether they compile or not."""
    try:
        made = registry(folder, sources, **limits)
    except TemplateError as error:
        return str(error)
    return way(made)


@pytest.mark.parametrize("name", CASES)
def test_no_template_costs_more_than_it_says(name: str, tmp_path: Path) -> None:
    """Whatever it does, and whoever runs it: an error with the file and the line, in a moment."""
    for way in WAYS:
        before = time.thread_time()
        assert ".j2:" in said(way, tmp_path, CASES[name], **FEW)
        assert time.thread_time() - before < MOST


def test_what_is_made_of_itself_costs_as_much_to_know_again(tmp_path: Path) -> None:
    """Where it is recorded: what it was made of, each with all that this was made of."""
    source = "{% set x = session.u %}" + times(40, "{% set x = x|truncate(9, true, x) %}")
    before = time.thread_time()
    assert "more than 50,000 steps" in said(checked_by_names, tmp_path, source, **FEW)
    assert time.thread_time() - before < MOST


def asking(count: int, question: str) -> str:
    """Return a template that asks so many questions, each with its number in it."""
    return "".join(f"{{% if {question.replace('#', str(n))} %}}a{{% endif %}}" for n in range(count))


QUESTIONS = {
    "texts": asking(500, "session.u == 'x#'"),
    "numbers": asking(500, "session.seats > #"),
    "numbers from the largest": asking(500, "session.seats > 1000 - #"),
    "many values": asking(500, "session.u#"),
    "one within another": asking(90, "session.u == 'x#'").replace("{% endif %}", "{% else %}")
    + times(90, "{% endif %}"),
    "in a loop": "{% for a in range(20000) %}{% if session.seats == a %}a{% endif %}{% endfor %}",
    "in one place of a mapping": "{% for a in range(9000) %}{% if session.seats == a * 2305843009213693951 %}{% endif %}{% endfor %}",
    "of a macro": "{% macro m(a) %}{% if a == session.u %}b{% endif %}{% endmacro %}"
    + "".join(f"{{{{ m('{n}') }}}}" for n in range(500)),
    "of much": "{% for a in range(9) %}{% if session.rows == session.others %}{% endif %}{% endfor %}",
    "of what fails in the end": "{% for a in range(200000) %}{% endfor %}"
    + asking(90, "session.u == 'x#'")
    + "{{ none.a }}",
    "of what is lacking": "{% for a in range(200000) %}{% endfor %}"
    + "".join(f"{{{{ session.l{n} }}}}" for n in range(99)),
    "of a key": "{% for a in range(9) %}{% if session.rows[session.u] == 'x' %}{% endif %}{% endfor %}",
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_what_check_asks_costs_as_much_as_it_has_to_look_at(name: str, tmp_path: Path) -> None:
    """Questions of one value are many answers to tell apart, and each may have another."""
    rows = {f"k{n}": "v" for n in range(20_000)}
    session = {"u": "Jo", "seats": 3, "rows": rows, "others": dict(rows)}
    (tmp_path / "t.j2").write_text(QUESTIONS[name], encoding="utf-8")
    made = PersonaRegistry(tmp_path, limits=Limits(steps=FEW["steps"]))
    made.define(Persona("Max", "Helper", template="t", variables=dict.fromkeys(session)))
    assert made.get("Max").own_template()
    for given in (session, set(session), None):
        before = time.thread_time()
        assert made.problems(session=given) != []
        assert time.thread_time() - before < MOST


def test_a_long_sample_is_read_once_for_all_personas() -> None:
    """What a handler passes is the same for each of them, and may be long."""
    session = {"rows": list(range(100_000))}

    def taken(personas: int) -> float:
        made = PersonaRegistry()
        for count in range(personas):
            made.define(Persona(f"P{count}", "Helper", capabilities=["look"] * count))
        before = time.thread_time()
        made.problems(session=session)
        return time.thread_time() - before

    assert min(taken(16) for _ in range(3)) < 6 * min(taken(1) for _ in range(3))


def test_what_asks_too_much_is_tried_less_for_each_persona_after_the_first(tmp_path: Path) -> None:
    """Where each has to be tried by itself, as the template looks at what its texts say."""
    source = "{% if 'el' in persona.role %}" + asking(150, "session.u|length > #") + "{% endif %}"
    (tmp_path / "t.j2").write_text(source, encoding="utf-8")
    made = PersonaRegistry(tmp_path, limits=Limits(steps=FEW["steps"]))
    for count in range(6):
        made.define(Persona(f"P{count}", f"Helper {count}", template="t", variables={"u": None}))
    before = time.thread_time()
    told = made.problems(session={"u"})
    assert time.thread_time() - before < MOST
    assert [problem.message[-13:] for problem in told if problem.code == "check-incomplete"] == ["1 and 4 more)"]


def test_a_template_that_many_extend_is_gone_through_once(tmp_path: Path) -> None:
    """Whether a persona is rendered with them or not, a folder of them is checked in a moment."""
    (tmp_path / "t.j2").write_text("{{ [" + times(8_000, "1,") + "]|length }}", encoding="utf-8")
    for count in range(80):
        (tmp_path / f"c{count}.j2").write_text("{% extends 't' %}", encoding="utf-8")
    made = PersonaRegistry(tmp_path)
    made.define(Persona("Maya", "Helper", template="t"))
    before = time.thread_time()
    assert made.problems() != []
    assert time.thread_time() - before < MOST


HUNGRY = [
    "a loop that passes over all",
    "callers",
    "includes that stand alone",
    "an include that stands alone, in a loop",
    "small filter blocks",
    "much that is caught, printed again",
    "words in capitals",
    "long numbers printed",
    "long numbers read",
    "default of a group",
    "all numbers handed over",
    "numbers in one place of many",
    "maps",
    "what is not there",
    "imports",
]


def measured() -> None:
    """Render what is hungry with all that is allowed; print the errors, and the CPU seconds and MB that it took."""
    longest, told = 0.0, []
    for sources in [times(160_000, "{{1}}"), *(CASES[name] for name in HUNGRY)]:
        before = time.thread_time()
        with TemporaryDirectory() as folder:
            told.append(said(rendered, Path(folder), sources))
        longest = max(longest, time.thread_time() - before)
    # What `getrusage` tells is at least what the process took that started this one.
    peak = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
    print(json.dumps([told, longest, int(peak) / 1024]))


@pytest.mark.skipif(sys.platform != "linux", reason="what a process took is asked as Linux tells it")
def test_with_all_that_is_allowed_a_template_takes_a_second_and_little_memory() -> None:
    """In a process of their own, one after the other."""
    program = "import test_cost; test_cost.measured()"
    ran = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parent, capture_output=True, check=True)
    told, longest, peak = json.loads(ran.stdout)
    assert all(".j2:" in each for each in told)
    assert longest < 2 * MOST
    assert peak < PEAK


def test_the_error_names_the_limit_the_line_and_the_cure(tmp_path: Path) -> None:
    """And both ways to set another."""
    made = registry(tmp_path, "{% for a in [1] %}\n{% for b in range(9999999) %}{% endfor %}{% endfor %}")
    with pytest.raises(TemplateError) as raised:
        made.get("Maya").render(**SESSION)
    assert raised.value.limit == "steps"
    assert (raised.value.template, raised.value.line) == ("t", 2)
    assert "Limits(steps=...), on the command line --limit steps=..." in str(raised.value)


def test_a_prompt_that_is_too_long_is_told_where_it_became_so(tmp_path: Path) -> None:
    """At the line of the template that wrote what was too much."""
    made = registry(tmp_path, "short\n{% for a in range(3) %}\n{{ session.u }}\n{% endfor %}", size=100)
    assert made.get("Maya").render(**{**SESSION, "u": "x" * 20})
    for _ in range(3):
        with pytest.raises(TemplateError) as raised:
            made.get("Maya").render(**{**SESSION, "u": "x" * 40})
        assert raised.value.limit == "size"
        assert raised.value.line in (2, 3, 4)


def test_limits_are_set_at_the_registry(tmp_path: Path) -> None:
    """For templates of its own, for bundled ones, and in a pickle."""
    source = "{% for a in range(600) %}{{ a }}{% endfor %}"
    assert registry(tmp_path, source).get("Maya").render(**SESSION)
    for made in (
        registry(tmp_path, source, steps=500),
        pickle.loads(pickle.dumps(registry(tmp_path, source, steps=500))),
    ):
        with pytest.raises(TemplateError):
            made.get("Maya").render(**SESSION)
    few = {"Maya": {"role": "Helper", "capabilities": [f"look {n}" for n in range(600)]}}
    assert PersonaRegistry.from_dict(few).get("Maya").render()
    small = PersonaRegistry.from_dict(few, limits=Limits(steps=500))
    for made in (small, pickle.loads(pickle.dumps(small))):
        with pytest.raises(TemplateError):
            made.get("Maya").render()


def test_a_run_costs_the_same_whatever_is_known_of_it(tmp_path: Path) -> None:
    """What was run before, for other values, lets nothing through that would not pass alone."""
    source = (
        "{% for a in persona.capabilities %}{{ a }}{% endfor %}{{ session.u }}"
        "{% for a in persona.capabilities %}{{ a|upper }}{% endfor %}{% for a in session.long %}{{ a|upper }}{% endfor %}"
    )
    for first in (0, 5):
        made = registry(tmp_path, source, steps=112).get("Maya")
        for _ in range(first):
            assert made.render(u="Jo", long=["x"] * 2)
        with pytest.raises(TemplateError):
            made.render(u="Jo", long=["x"] * 110)


def test_real_prompts_use_a_tenth_of_it() -> None:
    """Lists of ten thousand entries, in every bundled template, and a long text in each of them."""
    entries = [f"Look up what was asked for, number {n}, and say so to {{u}}" for n in range(10_000)]
    persona = Persona(
        "Maya", "Helper", capabilities=entries, constraints=entries, custom_sections={"Long": "word " * 20_000}
    )
    made = PersonaRegistry(limits=Limits(steps=50_000, size=2_000_000))
    made.define(persona)
    for template in ("default", "markdown", "compact", "xml"):
        for _ in range(2):
            assert made.get("Maya").render(template, u="Jo", extra_sections={"More": "word " * 20_000})


def test_what_a_session_holds_is_bounded() -> None:
    """A list that holds another many times holds it as often."""
    inner: list[object] = ["x"] * 100
    for _ in range(5):
        inner = [inner] * 100
    with pytest.raises(InvalidValueError, match="holds more than 200,000 values"):
        Persona("Maya", "Helper").render(rows=inner)
