"""The services' own words, made fit to be part of a sentence.

What a cloud answers is foreign data: JSON of many shapes, HTML, control characters, pages of text. This module is pure.
"""

import html
import json
import re
import unicodedata
from typing import Any

#: Longer words are cut; the full answer is in the service's own log, under its request id.
LONGEST = 600

_INVISIBLE_HTML = re.compile(r"<(script|style|title|head)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^<>]{0,1000}>")


def clean(text: str, longest: int = LONGEST) -> str:
    """One line of printable characters: control, format and private characters become blanks, runs of blanks become one."""
    printable = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text)
    line = " ".join(printable.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def words_of(body: str, *, otherwise: str = "") -> str:
    """What an error answer says, whatever its shape; `otherwise` when it says nothing."""
    try:
        said = _said(json.loads(body))
    except ValueError:
        said = html.unescape(_TAG.sub(" ", _INVISIBLE_HTML.sub(" ", body))) if "<" in body else body
    return clean(said) or clean(otherwise)


def _said(document: Any) -> str:
    """The sentence in a JSON error: `{"badRequest": {"message"}}`, `{"NeutronError": {"message", "detail"}}`, `{"errors": [{"detail"}]}`, …"""
    if isinstance(document, str):
        return document
    if isinstance(document, list):
        return "; ".join(filter(None, (_said(item) for item in document)))
    if not isinstance(document, dict):
        return ""
    for key in ("message", "detail", "title", "faultstring"):
        if isinstance(document.get(key), str) and document[key].strip():
            return str(document[key])
    return "; ".join(filter(None, (_said(value) for value in document.values() if isinstance(value, (dict, list)))))
