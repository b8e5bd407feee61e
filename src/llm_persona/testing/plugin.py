"""Pinned prompts: a pytest plugin (extra `testing`) that keeps every prompt of a registry as a file to review.

    @prompt_matrix("personas.yaml", sessions={"free": {"user_name": "Jo"}})
    def test_prompt(prompt, prompt_snapshot):
        assert prompt == prompt_snapshot

Pytest imports this module at every start, so it imports neither syrupy nor what renders prompts until they are used.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ..prompts.prompt import Prompt
    from ..registry.registry import PersonaRegistry
    from .cases import PromptCase, PromptMatrix
    from .snapshots import PromptSnapshot

__all__ = ["prompt_matrix"]

OLDEST_SYRUPY = 7  # its major version, as the extra `testing` has it
_MARKER = "llm_persona_prompts"
_FAILURE = "llm_persona_failure"  # an attribute of reports: pytest-xdist brings those that are plain data
_PROMPTS = pytest.StashKey[dict[str, int]]()  # how many a test function has, by its node
_LOADED = pytest.StashKey[dict[str, "PersonaRegistry"]]()


def prompt_matrix(
    registry: PersonaRegistry | str | os.PathLike[str],
    sessions: Mapping[str, Mapping[str, object]],
    templates: Iterable[str] | str | None = None,
) -> pytest.MarkDecorator:
    """Run a test for every concrete persona and version, in its own template or in those named, for every session.

    `registry` is one, or the path of its file, relative to the test's; a file is read once a run, and what is wrong with
    it stops the module's collection. `sessions` are variables by name. The test takes `prompt`, and `prompt_snapshot`
    to compare it with.
    """
    from .cases import PromptMatrix

    marker: pytest.MarkDecorator = getattr(pytest.mark, _MARKER)
    return marker.with_args(PromptMatrix(registry, sessions, templates))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", f"{_MARKER}(matrix): what @prompt_matrix of llm_persona.testing marks tests with"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    markers = list(metafunc.definition.iter_markers(_MARKER))
    if not markers:
        return
    from ..errors import PersonaError

    test = metafunc.definition.nodeid
    if len(markers) > 1:
        raise pytest.Collector.CollectError(f"{test}: has two @prompt_matrix; write a test for each")
    if "prompt" not in metafunc.fixturenames:
        raise pytest.Collector.CollectError(
            f"{test}: does not take the prompts of its @prompt_matrix; write def {metafunc.function.__name__}(prompt, ...)"
        )
    try:
        cases = _cases(metafunc, markers[0].args[0])
    except PersonaError as error:
        # CollectError is told as it is; what else is raised here comes with a page of traceback.
        raise pytest.Collector.CollectError(f"{test}:\n{error}") from None
    metafunc.config.stash.setdefault(_PROMPTS, {})[test] = len(cases)
    metafunc.parametrize("prompt", cases, ids=[case.stem for case in cases], indirect=True)


def _cases(metafunc: pytest.Metafunc, matrix: PromptMatrix) -> list[PromptCase]:
    from .cases import check_files

    path, stash = metafunc.definition.path, metafunc.config.stash
    cases = matrix.cases(path.parent, stash.setdefault(_LOADED, {}))
    if "prompt_snapshot" in metafunc.fixturenames and _keeps_prompts(metafunc.config):
        from .snapshots import CLAIMS

        check_files(cases, stash.setdefault(CLAIMS, {}).setdefault(str(path.absolute()), {}))
    return cases


def _keeps_prompts(config: pytest.Config) -> bool:
    return _why_nothing_is_kept(config) is None


def _why_nothing_is_kept(config: pytest.Config) -> str | None:
    """Return what is wrong with the syrupy that is here; None where it can keep prompts."""
    if not config.pluginmanager.hasplugin("syrupy"):
        return "prompt_snapshot needs syrupy"
    version = _syrupy_version()
    if int(version.partition(".")[0]) < OLDEST_SYRUPY:
        return f"prompt_snapshot needs syrupy {OLDEST_SYRUPY} or newer, not {version}"
    return None


@cache
def _syrupy_version() -> str:
    from importlib.metadata import version

    return version("syrupy")


@pytest.fixture
def prompt(request: pytest.FixtureRequest) -> Prompt:
    """One prompt of the test's @prompt_matrix, rendered."""
    case: PromptCase | None = getattr(request, "param", None)
    if case is None:
        pytest.fail("prompt comes from @prompt_matrix of llm_persona.testing; decorate the test", pytrace=False)
    from ..errors import PersonaError

    try:
        return case.render()
    except PersonaError as error:
        failure = str(error)
    pytest.fail(failure, pytrace=False)  # not while the error is handled, as it would be shown twice


@pytest.fixture
def prompt_snapshot(request: pytest.FixtureRequest) -> PromptSnapshot:
    """The file that keeps the test's prompt; `assert prompt == prompt_snapshot`."""
    if why := _why_nothing_is_kept(request.config):
        pytest.fail(f"{why}; pip install 'llm-persona[testing]'", pytrace=False)
    from .snapshots import case_of, prompt_snapshot_of

    case_of(request.node)
    return prompt_snapshot_of(request)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a prompt that is not its snapshot fail with what changed, in whole: pytest cuts assertions after 8 lines."""
    failure = None
    if call.excinfo is not None and call.excinfo.errisinstance(AssertionError) and _keeps_prompts(item.config):
        from .snapshots import MISMATCH, case_of, left_behind

        result = item.stash.get(MISMATCH, None)
        if result is not None:
            from .changes import mismatch
            from .summary import Failure

            test = _as_asked_for(item, item.nodeid)
            left = left_behind(item)
            found = mismatch(case_of(item), result, accept_command([test]), left)
            failed = pytest.fail.Exception(found.report, pytrace=False).with_traceback(call.excinfo.tb)
            call.excinfo = pytest.ExceptionInfo.from_exception(failed)
            failure = Failure(test, *_function(item), len(left), found.causes).written()
    report = yield
    if failure is not None:
        setattr(report, _FAILURE, failure)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None, None, None]:
    """End a run in which prompts are not their snapshots with what made them change, and the command that accepts them."""
    yield
    told = [getattr(report, _FAILURE, None) for report in terminalreporter.stats.get("failed", ())]
    if not any(told):
        return
    from .summary import Failure, as_few_as_can_be, left_in, summary

    failures = sorted(Failure.read(data) for data in told if data is not None)  # in one order, also of many processes
    terminalreporter.section("what made prompts change", "=")
    for line in summary(failures):
        terminalreporter.write_line(line)
    terminalreporter.write_line(f"\nTo accept {'all of it' if len(failures) > 1 else 'it'}:")
    terminalreporter.write_line(accept_command(as_few_as_can_be(failures)))
    left = left_in(failures)
    if left:
        number = sum(left.values())
        what = "1 snapshot is of a prompt that is" if number == 1 else f"{number:,} snapshots are of prompts that are"
        terminalreporter.write_line(f"\n{what} no more. To delete {'it' if number == 1 else 'them'} then:")
        terminalreporter.write_line(accept_command([*left]))


def accept_command(tests: list[str]) -> str:
    """Return the command that makes the prompts of these tests their snapshots."""
    import shlex
    import subprocess

    words = ["pytest", *tests, "--snapshot-update"]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def _function(item: pytest.Item) -> tuple[str, int]:
    """Return a test's function, as pytest is asked for it, and how many prompts it has: 0 where it takes more than them."""
    assert item.parent is not None
    function = f"{item.parent.nodeid}::{getattr(item, 'originalname', item.name)}"
    alone = {*getattr(getattr(item, "callspec", None), "params", ())} == {"prompt"}
    return _as_asked_for(item, function), item.config.stash[_PROMPTS].get(function, 0) if alone else 0


def _as_asked_for(item: pytest.Item, node: str) -> str:
    """Return a node's name for the folder that pytest was started in."""
    from .cases import shown_path

    return f"{shown_path(item.path, item.config.invocation_params.dir)}::{node.partition('::')[2]}"
