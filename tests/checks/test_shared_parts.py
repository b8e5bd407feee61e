"""The parts of a prompt that others share: for any persona, template and values, the same for all who share them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from test_rehearsals import NAMES, personas, registry, templates

from llm_persona import PersonaError, multiline, trusted

ANY = st.one_of(
    st.text("ab <&>{\n\t\u2028é", max_size=6),
    st.sampled_from(["", "a\nb", "\n", "x "]),
    st.text("ab \n", max_size=6).map(lambda text: multiline(f"{text}\nb")),
    st.sampled_from(["", "a\n", "\n\n", "a\nb"]).map(trusted),
    st.integers(),
    st.lists(st.text("ab\n", max_size=3), max_size=2),
)


@pytest.mark.hits(0.4)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    personas(),
    templates(),
    st.sets(st.sampled_from(NAMES)),
    st.fixed_dictionaries(dict.fromkeys(NAMES, ANY)),
    st.lists(st.fixed_dictionaries(dict.fromkeys(NAMES, ANY)), min_size=2, max_size=3),
    st.fixed_dictionaries(dict.fromkeys(NAMES, ANY)),
)
def test_the_parts_are_those_of_who_shares_them(
    tmp_path_factory: pytest.TempPathFactory,
    fields: Mapping[str, Any],
    sources: dict[str, str],
    names: set[str],
    shared: dict[str, Any],
    calls: list[dict[str, Any]],
    others: dict[str, Any],
) -> None:
    """The text is that of one session; what is shared is the same for all tenants, and is what is stable without; what is
    stable is the same for all calls of one tenant. However often it is rendered, prepared or run."""
    try:
        made = registry(tmp_path_factory.mktemp("t"), dict(fields), sources)
    except PersonaError:
        assume(False)
    maya = made.get("Maya")
    ours = {name: value for name, value in shared.items() if name in names}
    tenant = maya.with_session(**ours)
    rest = [{name: value for name, value in call.items() if name not in names} for call in calls]
    try:
        plain = [maya.render(**ours, **call) for call in rest]
    except PersonaError:
        assume(False)
    for _ in range(3):
        prompts = [tenant.render(**call) for call in rest]
        assert prompts == plain
        assert [tenant.build_system_prompt(**call) for call in rest] == plain
        assert {prompt.shared for prompt in prompts} == {prompt.stable for prompt in plain}
        assert len({prompt.stable for prompt in prompts}) == 1
        for prompt in prompts:
            assert prompt.stable + prompt.rest == prompt.text
            assert prompt.stable.startswith(prompt.shared)
    try:
        another = maya.with_session(**{name: others[name] for name in ours}).render(**rest[0])
    except PersonaError:
        return
    assert another.shared == prompts[0].shared
