"""What of a body or a row may be kept in the audit trail: plain JSON without secrets, and not more of it than somebody reads.

Keys of people and user data are kept as their SHA-256, so that it can be shown which one it was; of what looks like a password or a token nothing is
kept but the sort, since the hash of a short secret is as good as the secret. Nothing here but plain values: no clock, no database, no network.
"""

import hashlib
from collections.abc import Mapping
from datetime import date
from typing import Any

import rfc8785

from stacks.fields import secret

#: Keys whose values are kept as a hash, and those of which nothing is kept.
HASHED = frozenset({"ssh_keys", "user_data", "state"})
HIDDEN = ("password", "passwd", "passphrase", "secret", "token", "private_key", "credential")
LONGEST_TEXT, LONGEST_LIST, LARGEST = 2000, 100, 32_768
#: The largest whole number of canonical JSON.
EXACT = 2**53 - 1


def discreet(value: Any) -> Any:
    """The value as it may be kept; something too large as its hash and size."""
    kept = _kept(value)
    text = rfc8785.dumps(kept)
    return kept if len(text) <= LARGEST else {"sha256": hashlib.sha256(text).hexdigest(), "bytes": len(text)}


def canonical(document: Mapping[str, Any]) -> str:
    """The document's canonical JSON; it is `discreet` already."""
    return rfc8785.dumps(document).decode()


def _kept(value: Any, key: str = "") -> Any:
    if any(word in key.lower() for word in HIDDEN):
        return None if value is None else {"secret": "password"}
    if key in HASHED and isinstance(value, (list, dict)):
        return [_hash(one) for one in value] if isinstance(value, list) else _hash(value)
    if isinstance(value, Mapping):
        return {_text(str(name)): _kept(below, str(name)) for name, below in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        found = sorted(value, key=str) if isinstance(value, (set, frozenset)) else list(value)
        kept = [_kept(one, key) for one in found]
        return kept if len(kept) <= LONGEST_LIST else {"sha256": hashlib.sha256(rfc8785.dumps(kept)).hexdigest(), "items": len(kept)}
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if abs(value) <= EXACT else str(value)
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    if isinstance(value, date):  # a datetime is one, too
        return value.isoformat()
    text = value.hex() if isinstance(value, bytes) else str(value)
    if len(text) > LONGEST_TEXT:
        return {**_hash(text), "characters": len(text)}
    return _text(text) if (sort := secret(text)) is None else {"secret": sort}


def _hash(value: Any) -> dict[str, str]:
    data = value.encode("utf-8", "replace") if isinstance(value, str) else rfc8785.dumps(_kept(value))
    return {"sha256": hashlib.sha256(data).hexdigest()}


def _text(text: str) -> str:
    """What PostgreSQL and JSON can keep: no NUL, no half of a surrogate pair."""
    return text.replace("\x00", "�").encode("utf-8", "replace").decode()
