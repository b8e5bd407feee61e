"""Say whether an older commit and this checkout render the same bytes: `python tests/same_prompts.py [COMMIT]`.

The commit is installed in a temporary environment of its own, from this repository's history. What both render: every
persona file of the commit (the examples, the starter, README's, the good files of the tests) and of the checkout, and
the real prompts of ../shared where they are; each persona and version in its own template and in the bundled ones, with
the variables that it requires, with all of them, and with values that are folded or escaped. Compared are text, stable
part, rest and greeting. A file of the checkout that the commit cannot read is compared with the commit's own.

Exits with 1 when something differs, with 2 where the commit cannot be had.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

REPOSITORY = Path(__file__).resolve().parents[1]
REAL_PROMPTS = REPOSITORY.parent / "shared" / "data" / "ai-personas.json"
COMMIT = "eb16780"
FOLDERS = ("examples", "tests/personas/good")
STARTERS = ("src/llm_persona/start", "src/llm_persona/cli/start")  # where it was, and where it is
TEMPLATES = (None, "default", "markdown", "xml", "compact")
HOSTILE = "Jo & <b>\n\n# Rules: {name}\u2028none  "
SHOWN = 10  # differences that are printed

Rendered = dict[str, Any]  # what came of one prompt, or of a whole file: plain data


class Figures(NamedTuple):
    """What was compared, and what was not the same: in words, with both sides."""

    files: int
    refused: int  # files that neither reads: they need what is not beside them
    prompts: int
    greetings: int
    differences: list[str]


# ---- in either environment: this part knows only what both commits have


def rendered_file(path: str, tools: object) -> Rendered:
    """Return everything that a persona file comes to, or its refusal."""
    from llm_persona import PersonaError, PersonaRegistry

    try:
        registry = PersonaRegistry.from_file(path)
        if tools is not None and not getattr(registry, "tools", None):
            registry = PersonaRegistry.from_file(path, tools=tools)
    except PersonaError as error:
        return {"refused": str(error)}
    return {
        f"{reference} {template or 'own'} {kind}": _rendered(registry.get(reference), template, session)
        for reference in registry.references()
        for template in TEMPLATES
        for kind, session in _sessions(registry.get(reference), template).items()
    }


def _sessions(persona: Any, template: str | None) -> dict[str, dict[str, object]]:
    from llm_persona import MissingVariableError, multiline

    required: dict[str, object] = {}
    for ask in (partial(persona.render, template), persona.build_greeting):
        try:
            ask(**required)
        except MissingVariableError as error:
            required |= {name: f"the {name}" for name in error.names}
    every = {**required, **{name: f"a {name}" for name in persona.variables or {}}}
    more = {"flags": ["beta", HOSTILE], "ticket": multiline(HOSTILE), "extra_sections": {HOSTILE: HOSTILE}}
    return {"required": required, "all": every, "hostile": {**dict.fromkeys(every, HOSTILE), **more}}


def _rendered(persona: Any, template: str | None, session: Mapping[str, object]) -> Rendered:
    from llm_persona import PersonaError

    try:
        prompt = persona.render(template, **session)
        greeting = persona.build_greeting(**session)
    except PersonaError as error:
        return {"error": type(error).__name__}
    return {"text": prompt.text, "stable": prompt.stable, "rest": prompt.rest, "greeting": greeting}


def _render_all(jobs: str, results: str) -> None:
    found = {name: rendered_file(*job) for name, job in json.loads(Path(jobs).read_text("utf-8")).items()}
    Path(results).write_text(json.dumps(found), "utf-8")


# ---- here


def main(commit: str) -> int:
    """Compare, print the figures, and return the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        try:
            python = _installed(commit, work)
        except subprocess.CalledProcessError as error:
            print(f"{commit} cannot be had here: {error.stderr.decode().strip()}", file=sys.stderr)
            return 2
        old_jobs, new_jobs = _jobs(work / "old", work / "made-old"), _jobs(REPOSITORY, work / "made-new")
        real = _real_prompts(work)
        then = _run(python, work, {"its": old_jobs, "new": new_jobs, "real": real})
        now = _run(sys.executable, work, {"its": old_jobs, "new": new_jobs, "real": real})
    differs = False
    for title, key in ((f"files of {commit}", "its"), ("files of the checkout", "new"), ("real prompts", "real")):
        figures = compared(then[key], now[key], then["its"])
        print(
            f"{title}: {figures.files} files ({figures.refused} more that both refuse), {figures.prompts:,} prompts,"
            f" {figures.greetings:,} greetings; {len(figures.differences) or 'none'} differ"
        )
        print(*figures.differences[:SHOWN], sep="\n", end="\n" if figures.differences else "")
        differs |= bool(figures.differences)
    return int(differs)


def compared(then: Rendered, now: Rendered, own: Rendered) -> Figures:
    """Compare file by file. Where the commit refuses a file, its own file of that name is what the prompts must be as."""
    files = refused = prompts = greetings = 0
    differences = []
    for file in then:
        before = own.get(file, then[file]) if "refused" in then[file] else then[file]
        if "refused" in before:
            refused += "refused" in now[file]
            continue
        if "refused" in now[file]:
            differences.append(f"{file}: refused now: {now[file]['refused']}")
            continue
        files += 1
        for prompt in before:
            old, new = before[prompt], now[file].get(prompt, {})
            prompts += 1
            greetings += old.get("greeting") is not None
            differences += [
                f"{file}: {prompt}: {part}\n  then {old.get(part)!r}\n  now  {new.get(part)!r}"
                for part in sorted(old | new)
                if old.get(part) != new.get(part)
            ]
    return Figures(files, refused, prompts, greetings, differences)


def _installed(commit: str, work: Path) -> str:
    """Install the commit in an environment of its own, and return that environment's Python."""
    archive, environment = work / "old.tar", work / "environment"
    (work / "old").mkdir()
    python = str(environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python"))
    for command in (
        ["git", "-C", str(REPOSITORY), "archive", "--output", str(archive), commit],
        ["tar", "-xf", str(archive), "-C", str(work / "old")],
        [sys.executable, "-m", "venv", str(environment)],
        [python, "-m", "pip", "install", "--quiet", str(work / "old")],
    ):
        subprocess.run(command, check=True, capture_output=True)
    return python


def _jobs(root: Path, made: Path) -> dict[str, tuple[str, object]]:
    """Return the persona files of a checkout, README's and the starter's made, and the tools that each is loaded with."""
    from page_blocks import files

    page = root / "docs/personas.md"  # where README's file went
    for name, text in files((page if page.is_file() else root / "README.md").read_text("utf-8")).items():
        _write(made / "readme" / name, text)
    for name, place in (("personas.yaml", ""), ("support.j2", "templates")):
        _write(made / "starter" / place / name, _starter(root, name))
    jobs = {name: _job(made / name / "personas.yaml") for name in ("readme", "starter")}
    return jobs | {file.relative_to(root).as_posix(): _job(file) for file in _persona_files(root)}


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def _starter(root: Path, name: str) -> str:
    return next((root / folder / name).read_text("utf-8") for folder in STARTERS if (root / folder).is_dir())


def _persona_files(root: Path) -> Iterator[Path]:
    for folder in FOLDERS:
        for file in sorted((root / folder).rglob("*")):
            if file.suffix in (".yaml", ".json") and file.name != "tools.json":
                yield file


def _job(file: Path) -> tuple[str, object]:
    """A file that says nothing of tools is loaded with the checkout's, where an example has some."""
    tools = REPOSITORY / "examples" / file.parent.name / "tools.json"
    return str(file), json.loads(tools.read_text("utf-8")) if tools.is_file() else None


def _real_prompts(work: Path) -> dict[str, tuple[str, object]]:
    """Return a file with each real text twice: word for word, and with what looks like a placeholder filled."""
    if not REAL_PROMPTS.is_file():
        print(f"no {REAL_PROMPTS.name} beside the repository: its prompts are left out")
        return {}
    texts = [entry["prompt"] for entry in json.loads(REAL_PROMPTS.read_text("utf-8")).values()]
    personas: dict[str, dict[str, object]] = {}
    for number, text in enumerate(texts, 1):
        fields = {"role": "Helper", "company": "Acme", "greeting": text, "custom_sections": {"Text": text}}
        personas[f"P{number}"] = {**fields, "variables": {}}
        personas[f"F{number}"] = fields
    file = work / "real.json"
    file.write_text(json.dumps(personas), "utf-8")
    print(f"{len(texts):,} real texts, each word for word and filled in")
    return {file.name: (str(file), None)}


def _run(python: str, work: Path, groups: dict[str, dict[str, tuple[str, object]]]) -> dict[str, Rendered]:
    """Render all jobs with an environment's package, outside of the checkout, so that nothing else is imported."""
    found = {}
    for key, jobs in groups.items():
        paths = work / "jobs.json", work / "results.json"
        paths[0].write_text(json.dumps(jobs), "utf-8")
        subprocess.run([python, __file__, "--render", *map(str, paths)], check=True, cwd=work)
        found[key] = json.loads(paths[1].read_text("utf-8"))
    return found


if __name__ == "__main__":
    if sys.argv[1:2] == ["--render"]:
        _render_all(*sys.argv[2:])
    else:
        sys.exit(main(*(sys.argv[1:] or [COMMIT])))
