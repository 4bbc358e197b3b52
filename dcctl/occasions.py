"""What letters say: a subject and a sentence for each occasion, in the reader's language, as plain text and as HTML.

The sentences are of the catalogue like all others, the layout is two templates of Jinja2. What people wrote (reasons, names) is data: it loses its
control characters, and HTML escapes it. Nothing here knows a database or a network.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2

from dcctl.words import N_, in_language, render_error, sentence

#: What is neither shown nor allowed in a line: C0, C1, DEL, marks that turn text around, line and paragraph separators.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]+")
LONGEST_LINE, LONGEST_SUBJECT = 2000, 150
#: In the place of an administration: the datacenter's operators.
DATACENTER = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    subject: str
    text: str
    next: str = ""


#: By name; of a kind of request for which it is said otherwise, by `name:kind`.
OCCASIONS: Mapping[str, Occasion] = {
    "received": Occasion(
        subject=N_("{number} received: {environment}"), text=N_("{by} asked for {environment} ({kind}). It is being examined."),
        next=N_("Follow it: dcctl request watch {number}"),
    ),
    "returned": Occasion(
        subject=N_("{number} returned: {environment}"), text=N_("{by} returned the request for {environment}: {reason}"),
        next=N_("Look at it, and correct it: dcctl request show {number}"),
    ),
    "approved": Occasion(
        subject=N_("{number} approved: {environment}"), text=N_("The request for {environment} is approved. What it asks for is being done."),
        next=N_("Follow it: dcctl request watch {number}"),
    ),
    "refused": Occasion(
        subject=N_("{number} refused: {environment}"), text=N_("{by} refused the request for {environment}: {reason}"),
        next=N_("The whole story: dcctl request show {number}"),
    ),
    "ready": Occasion(
        subject=N_("{number} done: {environment}"), text=N_("What {number} asked for is done ({kind} of {environment})."),
        next=N_("See it: dcctl environment show {environment}"),
    ),
    "failed": Occasion(
        subject=N_("{number} failed: {environment}"), text=N_("What {number} asked for has failed ({kind} of {environment}): {error}"),
        next=N_("What is possible now: dcctl request show {number}"),
    ),
    "expiring": Occasion(
        subject=N_("{environment} ends in {days} day(s)"),
        text=N_("The time of {environment} ends on {until}. Then its servers are stopped; nothing is destroyed."),
        next=N_("Ask for a later end: dcctl request extend {environment} --duration \"6 months\" --reason \"…\""),
    ),
    "reminder": Occasion(
        subject=N_("{number} has waited for {days} day(s)"),
        text=N_("{number} of {administration} ({kind} of {environment}) has waited for {days} day(s) for the decision of: {waited}. "
                "It lapses on {until}."),
        next=N_("Look at it, and decide: dcctl request show {number}"),
    ),
    "reminder:envelope": Occasion(
        subject=N_("{number} has waited for {days} day(s)"),
        text=N_("{number} of {administration} (a larger envelope) has waited for {days} day(s) for the decision of: {waited}. It lapses on {until}."),
        next=N_("Look at it, and decide: dcctl request show {number}"),
    ),
    "unanswered": Occasion(
        subject=N_("{number} has waited for you for {days} day(s)"),
        text=N_("{number} ({kind} of {environment}) was returned {days} day(s) ago and waits to be corrected. It lapses on {until}."),
        next=N_("Look at it, and correct it: dcctl request show {number}"),
    ),
    "unanswered:envelope": Occasion(
        subject=N_("{number} has waited for you for {days} day(s)"),
        text=N_("{number} (a larger envelope) was returned, or less was offered, {days} day(s) ago. It lapses on {until}."),
        next=N_("What is possible now: dcctl request show {number}"),
    ),
    "lapsed": Occasion(
        subject=N_("{number} lapsed: {environment}"),
        text=N_("The request for {environment} ({kind}) has lapsed: it waited too long. What it held is available again."),
        next=N_("The whole story: dcctl request show {number}"),
    ),
    "emergency": Occasion(
        subject=N_("{number} approved in an emergency: {environment}"),
        text=N_("{by} approved {number} ({kind} of {environment}) alone, in an emergency. "
                "It stays open until somebody else has reviewed it. Reason: {reason}"),
        next=N_("Review it: dcctl request review {number}"),
    ),
    "emergency:envelope": Occasion(
        subject=N_("{number} approved in an emergency: larger envelope"),
        text=N_("{by} approved {number} (a larger envelope) alone, in an emergency. "
                "It stays open until somebody else has reviewed it. Reason: {reason}"),
        next=N_("Review it: dcctl request review {number}"),
    ),
    "received:envelope": Occasion(
        subject=N_("{number} received: larger envelope"), text=N_("{by} asked for a larger envelope: {asked}. It is being examined."),
        next=N_("Follow it: dcctl request watch {number}"),
    ),
    "returned:envelope": Occasion(
        subject=N_("{number} returned: larger envelope"), text=N_("{by} returned the request for a larger envelope: {reason}"),
        next=N_("Look at it, and correct it: dcctl request show {number}"),
    ),
    "refused:envelope": Occasion(
        subject=N_("{number} refused: larger envelope"), text=N_("{by} refused the request for a larger envelope: {reason}"),
        next=N_("The whole story: dcctl request show {number}"),
    ),
    "failed:envelope": Occasion(
        subject=N_("{number} failed: larger envelope"), text=N_("The request for a larger envelope has failed: {error}"),
        next=N_("What is possible now: dcctl request show {number}"),
    ),
    "lapsed:envelope": Occasion(
        subject=N_("{number} lapsed: larger envelope"), text=N_("The request for a larger envelope has lapsed: it waited too long."),
        next=N_("The whole story: dcctl request show {number}"),
    ),
    "proposed": Occasion(
        subject=N_("{number}: less is offered than was asked"),
        text=N_("{by} grants less than was asked: {granted} (asked: {asked}). Until {until} you may say yes or no. Reason: {reason}"),
        next=N_("Say it: dcctl request accept {number}, or dcctl request decline {number}"),
    ),
    "proposed:envelope": Occasion(
        subject=N_("{number}: less is offered than was asked"),
        text=N_("{by} grants a smaller envelope than was asked: {granted} (asked: {asked}). Until {until} you may say yes or no. Reason: {reason}"),
        next=N_("Say it: dcctl request accept {number}, or dcctl request decline {number}"),
    ),
    "granted": Occasion(
        subject=N_("{number} granted: larger envelope"), text=N_("{number} is granted: {granted} more for {administration} (asked: {asked})."),
        next=N_("See it: dcctl quota show"),
    ),
}  # fmt: skip
KINDS = {
    "environment": N_("environment"), "change": N_("change"), "extension": N_("extension"), "repair": N_("repair"),
    "decommission": N_("decommission"), "envelope": N_("envelope"),
}  # fmt: skip
_DIGEST = N_("{administration}: {count} message(s) of the day")
_GREETING = N_("For {administration}, from dcctl, the self-service of the national datacenter.")
_TO_OPERATORS = N_("For the datacenter's operators, from dcctl.")
_TO_OPERATORS_CLOSING = N_("This letter was written by a program; answers are read by nobody. Who gets it: letters.operators in dcctl.toml")
_CLOSING = N_("This letter was written by a program; answers are read by nobody. Who gets it: dcctl administration contact list {administration}")

_LAYOUTS = jinja2.Environment(
    loader=jinja2.PackageLoader("dcctl", "templates"), undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    keep_trailing_newline=True, autoescape=jinja2.select_autoescape(enabled_extensions=("html.j2",), default=False),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A letter in words."""

    subject: str
    text: str
    html: str


def write(administration: str, lang: str, told: Sequence[tuple[str, Mapping[str, Any]]]) -> Written:
    """The letter that tells of these occasions with their parameters; of several it is a digest."""
    items = [_item(occasion, params, lang) for occasion, params in told]
    of = {"administration": one_line(administration), "count": len(items)}
    subject = items[0]["subject"] if len(items) == 1 else sentence(_DIGEST, of, lang)
    greeting, closing = (_TO_OPERATORS, _TO_OPERATORS_CLOSING) if administration == DATACENTER else (_GREETING, _CLOSING)
    words = {"lang": lang, "items": items, "greeting": sentence(greeting, of, lang), "closing": sentence(closing, of, lang)}
    return Written(
        subject=one_line(subject, LONGEST_SUBJECT),
        text=_LAYOUTS.get_template("letter.txt.j2").render(words),
        html=_LAYOUTS.get_template("letter.html.j2").render(words),
    )


def one_line(text: object, longest: int = LONGEST_LINE) -> str:
    """What somebody wrote as one line without characters that do something."""
    line = re.sub(" +", " ", _CONTROLS.sub(" ", str(text)).encode("utf-8", "replace").decode()).strip(" ")  # French has spaces that stay
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _item(occasion: str, params: Mapping[str, Any], lang: str) -> dict[str, str]:
    known = OCCASIONS.get(f"{occasion}:{params.get('kind')}") or OCCASIONS[occasion]
    told = {name: _amounts(value) if isinstance(value, Mapping) else value for name, value in params.items() if name not in ("error", "kind")}
    words = {name: one_line(value) for name, value in told.items()}
    words["kind"] = in_language(lang, KINDS.get(str(params.get("kind")), "")) or one_line(params.get("kind") or "–")
    error = params.get("error")
    words["error"] = one_line(render_error(error["code"], error.get("params") or {}, lang)) if isinstance(error, Mapping) else "–"
    words = {"reason": "–", "by": "–", "asked": "–", "granted": "–"} | words
    return {name: sentence(text, words, lang) for name, text in (("subject", known.subject), ("text", known.text), ("next", known.next))}


def _amounts(of: Mapping[str, Any]) -> str:
    """Units by resource, as the command line takes them."""
    return ", ".join(f"{name}={amount}" for name, amount in of.items())
