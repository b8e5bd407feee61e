"""What other formats call what a persona has a field for, so that the remedy for an unknown field never turns it round.

A text for the prompt that went below metadata would be lost without a word, and an instruction below constraints would
be printed under "Do not". So a name is looked up here first; spelling counts only where a letter or two is wrong; and of
any other name both places are said.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from ..fields import TABLE

FOR_EITHER = "for the prompt: custom_sections; for programs: metadata"


def _letters(name: str) -> str:
    return "".join(ch for ch in name.casefold() if ch.isalnum())


def _plain(name: str) -> str:
    """Return a name without case, marks between words, and what makes it a plural."""
    letters = _letters(name)
    if letters.endswith("ies"):
        return f"{letters[:-3]}y"
    return letters[:-1] if letters.endswith("s") and not letters.endswith("ss") else letters


# What the hint says, and the field that is meant where it is one alone.
_MEANT: dict[str, tuple[str | None, str]] = {
    "what the prompt is to say goes below custom_sections": (
        "custom_sections",
        """instruction prompt system systemmessage systemrole developer developermessage preamble goal objective mission
        purpose backstory background bio biography lore story personality trait adjective attribute behavior behaviour
        belief value principle preference motivation emotion mood interest topic knowledge fact otherfact context
        scenario situation world example mesexample messageexample postexample exampledialogue exampledialog
        fewshot examplemessage dialogue expectedoutput outputformat format formatting step process workflow procedure
        approach method methodology task responsibility duty do always must requirement text content body message
        note creatornote appearance education longtermgoal relationship strategy thinking persona character like dislike
        aversion characterbook section extrasection audience targetaudience""",
    ),
    "what it must not do goes below constraints": (
        "constraints",
        """dont donot never avoid forbidden prohibited prohibition restriction mustnot shouldnot
        notallowed disallowed taboo ban banned blocked excluded exclusion exclude restricted outofscope offlimit blacklist
        denylist blocklist antigoal nongoal antipattern redline refusal refuse cannot cant nogo""",
    ),
    "what it must not do goes below constraints, what else it is to do below custom_sections": (
        None,
        "rule guardrail guideline limitation boundary policy safety compliance governance dosanddont doanddont dosdont dodont",
    ),
    "what it can do goes below capabilities": (
        "capabilities",
        """skill ability can cando competency competence expertise specialty speciality specialization strength proficiency
        feature action talent knowhow service""",
    ),
    "the first message is its greeting": (
        "greeting",
        """firstme firstmessage greetingmessage welcome welcomemessage openingmessage opening openingline opener intro
        introduction initialmessage hello salutation startmessage""",
    ),
    "write parent: NAME": (
        "parent",
        """base extend inherit inheritance from basedon basedupon superclass super prototype childof subclassof variantof
        ancestor""",
    ),
    "what it is goes into role": ("role", "job jobtitle occupation profession position jobdescription"),
    "what it is goes into role, what it calls itself into display_name": (None, "title"),
    "whom it works for goes into company": ("company", "organization organisation org employer brand business"),
    "how it speaks goes into tone": (
        "tone",
        "voice toneofvoice writingstyle speakingstyle communicationstyle speechstyle manner register",
    ),
    "how it speaks goes into tone, more about it below custom_sections": (None, "style chatstyle"),
    "what it calls itself goes into display_name": (
        "display_name",
        "nickname alias label spokenname personaname agentname",
    ),
    "what a session gives goes below variables": (
        "variables",
        "input inputvariable placeholder arg argument param variablename slot sessionvariable",
    ),
    "what it may use goes below tools": ("tools", "function toolname allowedtool toolset"),
    "what is for programs goes below metadata": (
        "metadata",
        """model modelname modelprovider modelconfig modelsetting modelparameter llm functioncallingllm engine provider
        temperature topp topk maxtoken maxoutputtoken seed stop stopsequence frequencypenalty presencepenalty logitbias
        reasoningeffort responseformat outputtype output outputschema api apikey url endpoint id uuid tag category
        author creator owner license created updated date secret credential password
        env environment color colour icon avatar image enabled verbose debug cache
        maxiter maxrpm maxturn timeout retry allowdelegation delegation handoff mcpserver permissionmode hook
        plugin client config configuration extension disallowedtool inputguardrail outputguardrail knowledgesource
        toolresource toolchoice variant specversion alternategreeting""",
    ),
    "did you mean 'version'?": ("version", "characterversion ver revision rev"),
    "did you mean 'description'?": ("description", "handoffdescription shortdescription comment"),
    "for the prompt: custom_sections; for people alone: description": (None, "summary about overview"),
    "did you mean 'template'?": ("template", "layout prompttemplatename templatename"),
}
_BY_NAME = {_plain(name): (field, hint) for hint, (field, names) in _MEANT.items() for name in names.split()}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# In English the last word of a name says what it is.
_LAST = _words(
    """instruction prompt guardrail rule skill ability capability expertise talent strength greeting backstory goal
    prohibition avoid"""
)
# A word anywhere in a name that turns round what the others say, unless they are for programs.
_NEGATIONS = _words(
    """never dont not avoid cannot cant mustnt shouldnt wont forbidden prohibited banned blocked excluded restricted
    disallowed unwanted negative"""
)
_PREFIXES = frozenset(("anti", "non", "no"))  # of what else has a place in the prompt
_FIRST_MESSAGES = _words("first initial opening starting start welcome hello intro introduction greeting")
_MESSAGES = _words("message text word line phrase sentence")
_PARENTS = frozenset(("parent", "base"))
_PERSONAS = frozenset(("persona", "agent", "character", "name"))
_FROM = _words("inherit extend derived derive based")


class Meant(NamedTuple):
    """What somebody meant by a name that is no field: the field, if it is one alone, and what to do."""

    field: str | None
    hint: str


@lru_cache(maxsize=1_024)
def meant(key: str) -> Meant:
    """Return what an unknown field stands for: by its letters, by what other formats mean by it, or by its spelling."""
    plain = _plain(key[:64])
    own = _OWN.get(plain)
    if own is not None:
        return Meant(own, f"did you mean {own!r}?")
    known = _BY_NAME.get(plain) or _by_words(key[:64])
    if known is not None:
        return Meant(*known)
    slips = {field: count for field in _OWN.values() if (count := _slips(key[:64], field)) is not None}
    near = min(slips, key=slips.__getitem__, default=None)
    return Meant(near, f"did you mean {near!r}?") if near is not None else Meant(None, FOR_EITHER)


def _by_words(key: str) -> tuple[str | None, str] | None:
    words = [_plain(word) for word in re.findall(r"[A-Z]?[^\W_A-Z]+|[A-Z]+", key)]
    if len(words) < 2:
        return None
    first, last = words[0], words[-1]
    if (negated := _negated(words)) is not None:
        return negated
    if last == "greeting" or (first in _FIRST_MESSAGES and last in _MESSAGES):
        return _BY_NAME["firstmessage"]
    if (first in _PARENTS and last in _PERSONAS) or (first in _FROM and last == "from"):
        return _BY_NAME["base"]
    if last == "capability" or words[-2:] == ["can", "do"]:
        return _BY_NAME["can"]
    return _BY_NAME[last] if last in _LAST else None


def _negated(words: list[str]) -> tuple[str | None, str] | None:
    """Return what a name means in which a word says what is not to be; None where none does."""
    known = _BY_NAME.get(words[-1], (None, ""))
    if not _NEGATIONS.isdisjoint(words) or "".join(words).startswith(("outofscope", "offlimit")):
        return known if known[0] in ("metadata", "tools") else _BY_NAME["never"]
    return _BY_NAME["never"] if words[0] in _PREFIXES and (words[-1] in _LAST or known[0] in _SAID) else None


_SAID = ("custom_sections", "capabilities", "constraints")
_OWN = {_plain(field): field for field in TABLE}


def _slips(key: str, field: str) -> int | None:
    """Return how many slips may have made a name of a field's; None where it is too many."""
    counts = (_distance(_letters(key), _letters(field)), _distance(_plain(key), _plain(field)))
    return min((count for count in counts if count is not None), default=None)


def _distance(written: str, known: str) -> int | None:
    """Count the letters that are missing, added, others or in their neighbour's place: one, two in a long name."""
    most = 2 if len(known) >= 10 else 1
    if abs(len(written) - len(known)) > most or len(written) < 3:
        return None
    before: list[int] = []
    row = list(range(len(known) + 1))
    for at, letter in enumerate(written, 1):
        following = [at]
        for to, other in enumerate(known, 1):
            cost = min(row[to] + 1, following[-1] + 1, row[to - 1] + (letter != other))
            if at > 1 and to > 1 and letter == known[to - 2] and written[at - 2] == other:
                cost = min(cost, before[to - 2] + 1)
            following.append(cost)
        before, row = row, following
    return row[-1] if row[-1] <= most else None
