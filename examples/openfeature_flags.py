"""A feature flag decides which version of a persona a user meets: the OpenFeature SDK asks, the live registry serves.

Run it: `python examples/openfeature_flags.py`. The provider in memory stands for your flag service's.
"""

from __future__ import annotations

from pathlib import Path

from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagResolutionDetails
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

from llm_persona import Persona, UnknownVersionError
from llm_persona.live import LiveRegistry

PERSONAS = Path(__file__).parent / "acme" / "personas.yaml"
FLAG = "maya-version"
SERVED = ""  # what the flag says where it decides nothing: the rollout of the file does


def persona_for(live: LiveRegistry, flags: OpenFeatureClient, user: str) -> Persona:
    """Return the Maya that this user meets.

    A flag that is not there, or names a version that is not, decides nothing: nobody is left without an answer.
    """
    registry = live.current  # one set for the whole request
    version = flags.get_string_value(FLAG, SERVED, EvaluationContext(targeting_key=user))
    try:
        return registry.get("Maya", version=version or None, unit=user)
    except UnknownVersionError:
        return registry.get("Maya", unit=user)


def beta_testers(flag: InMemoryFlag[str], context: EvaluationContext) -> FlagResolutionDetails[str]:
    """Return version 2 for those who signed up, as rules of a flag service do."""
    variant = "second" if (context.targeting_key or "").startswith("beta-") else flag.default_variant
    return FlagResolutionDetails(flag.variants[variant], variant=variant)


def main() -> None:
    flag = InMemoryFlag("served", {"served": SERVED, "second": "2"}, context_evaluator=beta_testers)
    api.set_provider(InMemoryProvider({FLAG: flag}))
    with LiveRegistry(PERSONAS, require=["Maya"]) as live:
        for user in ("beta-jo", "sam"):
            print(user, persona_for(live, api.get_client(), user).ref)


if __name__ == "__main__":
    main()
