"""A template on the command line stands for the persona files that are rendered with it: what a hook needs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from llm_persona.cli.affected import persona_files_for
from llm_persona.cli.main import cli

OWN = '{% extends "default.j2" %}\n{% block session %}Plan: {{ session.plan }}{% endblock %}\n'


@pytest.fixture(autouse=True)
def monorepo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two services with templates of their own, a shared folder of templates, and files of others."""
    files = {
        "chat/personas.yaml": "$templates: templates\nMaya: {role: Guide, template: own, variables: {plan: free}}\n",
        "chat/templates/own.j2": OWN,
        "mail/agents.json": '{"$templates": ["../shared/parts", "templates"], "Dora": {"role": "Guide"}}',
        "mail/templates/deep/own.j2": OWN,
        "shared/parts/line.j2": "A line\n",
        "plain/personas.yaml": "Sam: {role: Guide}\n",
        "roles/web/nginx.conf.j2": "{{ server }}\n",
        "node_modules/x/personas.yaml": "$templates: ../../chat/templates\nX: {role: Guide}\n",
        "broken/personas.yaml": "$templates: [\n",
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(*paths: str) -> Result:
    return CliRunner().invoke(cli, ["check", *paths], prog_name="llm-persona")


@pytest.mark.parametrize(
    ("paths", "files"),
    [
        (["chat/templates/own.j2"], ["chat/personas.yaml"]),
        (["mail/templates/deep/own.j2"], ["mail/agents.json"]),
        (["shared/parts/line.j2"], ["mail/agents.json"]),
        (["roles/web/nginx.conf.j2"], []),
        (["plain/personas.yaml", "chat/templates/own.j2"], ["plain/personas.yaml", "chat/personas.yaml"]),
        (["./chat/personas.yaml", "chat/templates/own.j2"], ["./chat/personas.yaml"]),
        (["chat/templates/gone.j2"], ["chat/personas.yaml"]),
        (["plain/personas.yaml", "plain/personas.yaml"], ["plain/personas.yaml", "plain/personas.yaml"]),
    ],
)
def test_a_template_stands_for_the_files_that_look_for_it(paths: list[str], files: list[str]) -> None:
    """Each once, and also for one that was deleted; a template of another program stands for none."""
    assert list(persona_files_for(paths)) == [path.replace("/", os.sep) for path in files]


def test_check_fails_for_a_template_that_breaks(monorepo: Path) -> None:
    """Though no persona file changed: the hook runs on what is committed."""
    assert check("chat/templates/own.j2").output == "no problems in 1 file\n"
    (monorepo / "chat/templates/own.j2").write_text("{% extends 'default.j2' %}{% block sesion %}x{% endblock %}")
    result = check("chat/templates/own.j2")
    assert result.exit_code == 1
    assert "own.j2:1:" in result.output


def test_check_has_nothing_to_say_of_others_templates() -> None:
    """A repository has templates of other programs, for which the hook runs too."""
    result = check("roles/web/nginx.conf.j2")
    assert (result.exit_code, result.output) == (0, "no problems in 0 files\n")
