"""The idempotency key of a deed, kept until the API has answered: the same command again after a lost reply is the same request or decision.

One file a body below XDG_STATE_HOME/dcctl/pending, named by the hash of who asks for what.
"""

import hashlib
import json
import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcctl.cli.failure import state_home

#: A key that nobody came back for in this time is not used again.
KEPT_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key and where it is kept; `resumed` when an earlier submit of the same body was not answered."""

    value: str
    file: Path | None
    resumed: bool = False

    def answered(self) -> None:
        """Nobody needs it any more."""
        if self.file is not None:
            self.file.unlink(missing_ok=True)


def key_for(body: Mapping[str, Any], who: str, given: str | None = None) -> Key:
    """A key for this body: the one that was given, the one of an unanswered submit, or a new one, on disk before it is used.

    A directory that cannot be written costs only the resuming: the submit goes on.
    """
    if given is not None:
        return Key(value=given, file=None)
    name = hashlib.sha256(json.dumps([who, body], sort_keys=True, ensure_ascii=True).encode()).hexdigest()
    directory = state_home() / "pending"
    file = directory / f"{name}.json"
    try:
        kept = json.loads(file.read_text())
        if time.time() - file.stat().st_mtime < KEPT_SECONDS and isinstance(kept["key"], str):
            return Key(value=kept["key"], file=file, resumed=True)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    value = str(uuid.uuid4())
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = directory / f"{name}.{os.getpid()}.new"
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(json.dumps({"key": value}))
            out.flush()
            os.fsync(out.fileno())
        new.replace(file)
    except OSError:
        return Key(value=value, file=None)
    return Key(value=value, file=file)
