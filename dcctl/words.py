"""Sentences in the reader's language: gettext, and the rendering of errors and lists into words.

Standard library only, for the command line starts with it. French is the site's default: a C or POSIX locale means French. The order is
`--lang`, `DCCTL_LANG`, then the locale (LC_ALL, LC_MESSAGES, LANG). Catalogues lie in `locale/LANG/LC_MESSAGES/messages.mo`.
"""

import gettext
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

LOCALE_DIR = Path(__file__).parent / "locale"
LANGUAGES = ("fr", "en")
DEFAULT = "fr"

_current: gettext.NullTranslations = gettext.NullTranslations()
_language = "en"


def N_(text: str) -> str:  # noqa: N802 - gettext's own convention for a msgid that is translated later
    """Mark a sentence for translation without translating it now."""
    return text


def language(wanted: str | None = None, environ: Mapping[str, str] = os.environ) -> str:
    """Return "fr" or "en": what was wanted, else what the environment says, else the site's default."""
    for value in (wanted, environ.get("DCCTL_LANG"), environ.get("LC_ALL"), environ.get("LC_MESSAGES"), environ.get("LANG")):
        if value:
            code = value.replace("-", "_").split(".")[0].split("_")[0].lower()
            return code if code in LANGUAGES else DEFAULT
    return DEFAULT


def use(lang: str) -> None:
    """Speak `lang` from now on, click's own sentences included (they use the process's default domain)."""
    global _current, _language
    os.environ["LANGUAGE"] = lang
    gettext.bindtextdomain("messages", str(LOCALE_DIR))
    gettext.textdomain("messages")
    _current = gettext.translation("messages", str(LOCALE_DIR), languages=[lang], fallback=True)
    _language = lang


def current() -> str:
    """The language in use."""
    return _language


def _(text: str) -> str:
    """The sentence in the language in use."""
    return _current.gettext(text) if text else ""


def in_language(lang: str, text: str) -> str:
    """The sentence in `lang`, whatever the process speaks (the API answers each caller in theirs)."""
    return gettext.translation("messages", str(LOCALE_DIR), languages=[lang], fallback=True).gettext(text) if text else ""


def sentence(text: str, params: Mapping[str, Any], lang: str | None = None) -> str:
    """The translated sentence with its placeholders filled; a placeholder without a value stays visible, never an exception.

    `lang` left out is the language in use.
    """
    speak = _ if lang is None else partial(in_language, lang)
    return speak(text).format_map(_Words(params, speak))


def render_error(code: str, params: Mapping[str, Any], lang: str | None = None) -> str:
    """The sentence of an error code, without its next step; a sentence for each of `params["problems"]` where there are several."""
    from dcctl.errors import CATALOGUE

    problems = params.get("problems")
    several = problems if isinstance(problems, list) and problems and all(isinstance(p, Mapping) for p in problems) else [params]
    return " ".join(sentence(CATALOGUE[code].text, of, lang) for of in several)


_SHORTFALL = N_("{resource}: asked {asked}, available {available}")
_SHORTFALL_OF = N_("{holder} {resource}: asked {asked}, available {available}, more from {grantor}")
_SHORTFALL_LINES = N_("{holder} {resource}: asked {asked}, available {available}, more from {grantor} (lines {lines})")
_MOST_LINES = 10
_BELOW_ZERO = N_("{holder} {resource} {balance} ({at})")
_PART = N_("{holder} {resource} {amount}")
_OVER = N_("{resource} {asked}, one operator alone {allowed}")
_NOTHING = N_("nothing")
#: Parameters with words of ours; everything else may be somebody's and stays as it is.
_OURS = frozenset({"allowed", "kind", "why"})
#: Values of `kind`.
KINDS = (N_("administration"), N_("environment"), N_("request"), N_("operation"), N_("offer"), N_("user"), N_("holder"), N_("address"),
         N_("act"), N_("entry"), N_("event"), N_("contact"), N_("policy"))  # fmt: skip


class _Words(dict[str, Any]):
    """Parameters as words: lists joined, shortfalls, faults and an error's own cause spelled out."""

    def __init__(self, params: Mapping[str, Any], speak: Callable[[str], str]) -> None:
        super().__init__({key: _worded(key, value, speak) for key, value in params.items()})

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


def _short(one: Mapping[str, Any], speak: Callable[[str], str]) -> str:
    """A shortfall: of one envelope, of several, or of those in a file with the lines that ask for it."""
    if lines := one.get("lines"):
        named = ", ".join(map(str, lines[:_MOST_LINES])) + (" …" if len(lines) > _MOST_LINES else "")
        return speak(_SHORTFALL_LINES).format_map({**one, "lines": named})
    return speak(_SHORTFALL_OF if "holder" in one else _SHORTFALL).format_map(one)


def _worded(key: str, value: Any, speak: Callable[[str], str]) -> Any:
    if key == "faults" and isinstance(value, list):
        return len(value)
    if key == "shortfalls" and isinstance(value, list):
        return ", ".join(_short(s, speak) for s in value)
    if key == "children" and isinstance(value, list):
        return ", ".join(speak(_PART).format_map(part) for part in value)
    if key == "overdrawn" and isinstance(value, list):
        return ", ".join(speak(_BELOW_ZERO).format_map(one) for one in value)
    if key == "over" and isinstance(value, Mapping):
        return "; ".join(speak(_OVER).format_map({"resource": name, **figures}) for name, figures in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(str(v) for v in value) or speak(_NOTHING)
    if key in _OURS and isinstance(value, str) and value:
        return speak(value)
    if isinstance(value, Mapping) and set(value) == {"code", "params"} and isinstance(value["params"], Mapping):
        return _cause(value, speak)
    return value


def _cause(error: Mapping[str, Any], speak: Callable[[str], str]) -> str:
    """An error that is another one's reason (as `DcctlError.to_json` has it), as its sentence."""
    from dcctl.errors import CATALOGUE

    known = CATALOGUE.get(str(error["code"]))
    return str(error["code"]) if known is None else speak(known.text).format_map(_Words(error["params"], speak))
