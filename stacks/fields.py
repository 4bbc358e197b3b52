"""Reading plain values out of a document that somebody wrote: what is wrong is collected, nothing is raised.

This module is pure: no clock, no database, no network.
"""

import difflib
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence

from stacks.faults import Fault, Path

#: What may go on for ever is bounded: a text of many beginnings must not be read to its end from each of them.
SECRETS = (
    ("private_key", re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY")),
    ("private_key", re.compile(r"\bAGE-SECRET-KEY-1[A-Z0-9]{20,}")),
    ("password_hash", re.compile(r"\$(?:1|2[aby]|5|6|y|argon2id?)\$[^\s$]{2,}\$?[^\s]{8,}")),
    ("token", re.compile(r"\bgAAAAA[A-Za-z0-9_-]{40,}")),  # Fernet, as Keystone's tokens are
    ("token", re.compile(r"\b(?:ghp|gho|ghs|glpat|github_pat|xox[abp])[-_][A-Za-z0-9_-]{16,}")),
    ("token", re.compile(r"\bAKIA[0-9A-Z]{16}\b")),
    ("token", re.compile(r"\beyJ[A-Za-z0-9_-]{10,400}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{5,}")),  # JSON web token
    ("password", re.compile(r"(?i)\b(?:password|passwd|passphrase|mot de passe|mdp|secret[_-]?key|api[_-]?key)\s*[:=]\s*\S{4,}")),
    ("password", re.compile(r"(?i)\b[a-z][a-z0-9+.-]{0,30}://[^\s/:@]+:[^\s/@]+@")),  # scheme://user:password@host
)
KEEPS_LINES = ("\n",)
#: No text of a spec is longer; of what is, nothing is kept and little is shown.
LOOKED_THROUGH = 20_000


def shown(value: object) -> str:
    """What was written, fit for a sentence: one line, at most 80 characters, no secret in it."""
    words = {True: "true", False: "false", None: "null"}
    text = value if isinstance(value, str) else words[value] if value is None or isinstance(value, bool) else repr(value)
    text = text[:LOOKED_THROUGH]
    text = "".join(character if unsuitable(character) is None else " " for character in text)
    if secret(text) is not None:
        return "…"
    return text if len(text) <= 80 else text[:79] + "…"


def secret(text: str) -> str | None:
    """The sort of secret that `text` seems to have in it, or None; of a text beyond all bounds its beginning counts."""
    beginning = text[:LOOKED_THROUGH]
    return next((sort for sort, pattern in SECRETS if pattern.search(beginning)), None)


def unsuitable(character: str) -> str | None:
    """`U+202E` for a character that does not show or that turns text around, else None."""
    bad = unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    return f"U+{ord(character):04X}" if bad else None


class Faults:
    """The faults found so far; every reading method returns None after it added one."""

    def __init__(self) -> None:
        self.found: list[Fault] = []

    def add(self, path: Path, code: str, **params: object) -> None:
        self.found.append(Fault(path=path, code=code, params=params))

    def mapping(self, value: object, path: Path, required: Mapping[str, str], optional: Collection[str]) -> Mapping[str, object] | None:
        """`value` when it is a mapping; its unknown and missing keys are faults. `required`: key and an example of its value."""
        allowed = (*required, *optional)
        if not isinstance(value, Mapping):
            self.add(path, "spec.not_a_mapping", found=shown(value), allowed=allowed)
            return None
        for key in value:
            if key not in allowed:
                near = tuple(difflib.get_close_matches(str(key), allowed, n=2, cutoff=0.6))
                self.add(
                    (*path, key if isinstance(key, str | int) else str(key)),
                    "spec.unknown_key",
                    key=shown(key),
                    nearest=near,
                    allowed=allowed,
                )
        for key, example in required.items():
            if value.get(key) is None:
                self.add((*path, key), "spec.missing", key=key, allowed=example)
        return value

    def items(self, value: object, path: Path, element: str, *, minimum: int = 0, maximum: int) -> Iterator[tuple[Path, object]]:
        """The elements of a list with their paths; None (left out) is an empty list."""
        elements: object = [] if value is None else value
        if not isinstance(elements, Sequence) or isinstance(elements, str | bytes):
            self.add(path, "spec.not_a_list", found=shown(value), allowed=element)
            return
        if not minimum <= len(elements) <= maximum:
            code = "spec.too_few" if len(elements) < minimum else "spec.too_many"
            self.add(path, code, count=len(elements), minimum=minimum, maximum=maximum)
        for index, found in enumerate(elements[:maximum]):
            yield (*path, index), found

    def integer(self, value: object, path: Path, *, minimum: int, maximum: int) -> int | None:
        if not isinstance(value, int) or isinstance(value, bool):
            self.add(path, "spec.not_an_integer", found=shown(value), minimum=minimum, maximum=maximum)
            return None
        if not minimum <= value <= maximum:
            self.add(path, "spec.out_of_range", found=shown(value), minimum=minimum, maximum=maximum)
            return None
        return value

    def boolean(self, value: object, path: Path) -> bool | None:
        if isinstance(value, bool):
            return value
        self.add(path, "spec.not_a_boolean", found=shown(value), allowed=("true", "false"))
        return None

    def text(self, value: object, path: Path, example: str, *, maximum: int, keeps: Sequence[str] = ()) -> str | None:
        """One to `maximum` characters without white space at the ends, characters that do not show, or secrets."""
        if not isinstance(value, str):
            self.add(path, "spec.not_text", found=shown(value), allowed=example)
            return None
        if len(value) > LOOKED_THROUGH:
            self.add(path, "spec.too_long", length=len(value), minimum=1, maximum=maximum)
            return None
        text = unicodedata.normalize("NFC", value).strip()
        bad = next((code for character in text if character not in keeps and (code := unsuitable(character))), None)
        if bad is not None:
            self.add(path, "spec.control_character", character=bad, allowed="printable")
            return None
        if (sort := secret(text)) is not None:
            self.add(path, "spec.secret", sort=sort, allowed="none")
            return None
        if not 1 <= len(text) <= maximum:
            self.add(path, "spec.too_short" if not text else "spec.too_long", length=len(text), minimum=1, maximum=maximum)
            return None
        return text

    def name(self, value: object, path: Path, example: str, *, minimum: int, maximum: int) -> str | None:
        """A name as in the DNS: a small letter, then small letters, digits and single places of `-`, not at the end."""
        text = self.text(value, path, example, maximum=255)
        if text is None:
            return None
        if not minimum <= len(text) <= maximum or not re.fullmatch(r"[a-z](?:-?[a-z0-9])*", text):
            self.add(path, "spec.bad_name", found=shown(text), allowed="a-z 0-9 -", minimum=minimum, maximum=maximum)
            return None
        return text

    def unique(self, seen: dict[str, int], key: str, path: Path, index: int, allowed: str) -> bool:
        """False, and a fault, when `key` was seen before in the same list."""
        if key in seen:
            self.add(path, "spec.duplicate", found=shown(key), first=seen[key], allowed=allowed)
            return False
        seen[key] = index
        return True
