"""Sentences in the reader's language, chosen as `dcctl.words` chooses it: this environment has no dcctl in it. Standard library only.

French is the default, a C or POSIX locale included; the order is DCCTL_LANG, then the locale (LC_ALL, LC_MESSAGES, LANG). What programs
read (JSON, logs, the words up and DOWN) is the same in every language.
"""

import gettext
import os
from collections.abc import Mapping
from pathlib import Path

LOCALE_DIR = Path(__file__).parent / "locale"
LANGUAGES = ("fr", "en")
DEFAULT = "fr"
_DOMAIN = "messages"

_current: gettext.NullTranslations = gettext.NullTranslations()
_language = "en"


def N_(text: str) -> str:  # noqa: N802 - gettext's own convention for a msgid that is translated later
    """Mark a sentence for translation without translating it now."""
    return text


#: What argparse says by itself, under the msgids that it looks up.
_ARGPARSE = (
    N_("usage: "), N_("options"), N_("positional arguments"), N_("show this help message and exit"), N_("%(prog)s: error: %(message)s\n"),
    N_("argument %(argument_name)s: %(message)s"), N_("unrecognized arguments: %s"), N_("the following arguments are required: %s"),
    N_("expected one argument"), N_("invalid choice: %(value)r (choose from %(choices)s)"), N_("invalid %(type)s value: %(value)r"),
    N_("ignored explicit argument %r"), N_("ambiguous option: %(option)s could match %(matches)s"),
)  # fmt: skip


def language(environ: Mapping[str, str] = os.environ) -> str:
    """Return "fr" or "en": what the environment says, else the default."""
    for name in ("DCCTL_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environ.get(name):
            code = value.replace("-", "_").split(".")[0].split("_")[0].lower()
            return code if code in LANGUAGES else DEFAULT
    return DEFAULT


def use(lang: str) -> None:
    """Speak `lang` from now on, argparse's own sentences included (they use the process's default domain)."""
    global _current, _language
    os.environ["LANGUAGE"] = lang
    gettext.bindtextdomain(_DOMAIN, str(LOCALE_DIR))
    gettext.textdomain(_DOMAIN)
    _current = gettext.translation(_DOMAIN, str(LOCALE_DIR), languages=[lang], fallback=True)
    _language = lang


def current() -> str:
    """The language in use."""
    return _language


def _(text: str) -> str:
    """The sentence in the language in use."""
    return _current.gettext(text)


def sentence(text: str, **params: object) -> str:
    """The sentence in the language in use, its placeholders filled."""
    return _(text).format(**params)


def in_language(lang: str, text: str) -> str:
    """The sentence in `lang`, whatever the process speaks."""
    return gettext.translation(_DOMAIN, str(LOCALE_DIR), languages=[lang], fallback=True).gettext(text)
