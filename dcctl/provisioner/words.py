"""What the engine and the services say, taken apart: the only place that looks at their wording.

This module is pure: no clock, no database, no network.
"""

import json
import re
from typing import Any

_COLOUR = re.compile(r"<\{%.*?%\}>|\x1b\[[0-9;]*m")
_UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_STATUS = re.compile(r"but got (\d{3}) instead")
_ORIGIN = re.compile(r"^(?:error: )?(?:sdk-v2/provider2\.go:\d+: )?(?:sdk\.helper_schema: )?")
_PROVIDER = re.compile(r":? *provider=openstack@[0-9.]+\s*$")


#: How the engine says that a state is there and is none; a provider may say the like of a service's answer, so the beginning counts.
_LOADING = "failed to load checkpoint"
_NO_STATE = ("unexpected end of JSON input", "json: cannot unmarshal", "unsupported checkpoint version", "invalid character")
#: The last two of a plugin that was started and did not answer in time, as on a machine that has too much to do.
_GONE = (
    "rpc error: code = Unavailable", "error reading from server: EOF", "did not begin responding to RPC connections", "did not come alive",
)  # fmt: skip
_NOT_WHOLE = ("snapshot integrity error", "could not deserialize deployment")


def plain(text: str) -> str:
    return _COLOUR.sub("", text).strip()


def urn_parts(urn: str) -> tuple[str, str]:
    """(type, logical name) of `urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME`."""
    parts = urn.split("::", 3)
    if len(parts) != 4:
        return "", urn
    return parts[2].rpartition("$")[2], parts[3]


def service_words(message: str) -> str:
    """The service's own message inside an engine's, or the engine's without where in its code it came from.

    OpenStack answers with one object whose value has a `message`: `{"forbidden": {"code": 403, "message": "…"}}`, `{"NeutronError": {…}}`.
    """
    text = plain(message)
    answer = _answer(text)
    if answer:
        return answer
    text = _PROVIDER.sub("", _ORIGIN.sub("", text)).replace("last error: %!s(<nil>)", "")
    return " ".join(text.split())


def _answer(text: str) -> str | None:
    decoder = json.JSONDecoder()
    for position in (found.start() for found in re.finditer(r"\{", text)):
        try:
            document, _ = decoder.raw_decode(text, position)
        except ValueError:
            continue
        words = _message(document)
        if words:
            return words
    return None


def _message(document: Any) -> str | None:
    if not isinstance(document, dict):
        return None
    for inner in (document, *document.values()):
        if isinstance(inner, dict) and isinstance(inner.get("message"), str):
            return " ".join(inner["message"].split())
    return None


def http_status(message: str) -> int | None:
    found = _STATUS.search(message)
    return int(found[1]) if found else None


def mentioned_id(message: str) -> str | None:
    """The id of a server that was made but did not become ACTIVE: `Error waiting for instance (ID) to become ready: …`."""
    if "waiting for" not in message:
        return None
    found = _UUID.search(message)
    return found[0] if found else None


def command_error(stderr: str) -> str:
    """The last thing that the command complained of."""
    lines = [plain(line) for line in stderr.splitlines() if line.strip()]
    errors = [index for index, line in enumerate(lines) if line.startswith("error:")]
    text = " ".join(lines[errors[-1] :] if errors else lines[-3:])
    return text.removeprefix("error:").strip()[:2000]


def sums_up(message: str) -> bool:
    """Whether a message only repeats, for the engine's own book-keeping, what was said of the same thing before."""
    return re.match(r"\d+ errors? occurred", message) is not None


def never_made(init_error: str) -> bool:
    """Whether what the state keeps with a thing is the failure of its creation, and not that of a later change."""
    return init_error.lstrip().startswith("creating urn:")


def protected(message: str) -> str | None:
    """The URN of what the engine would have deleted, were it not protected."""
    found = re.search(r'resource "(urn:[^"]+)" cannot be deleted', message)
    return found[1] if found else None


def is_locked(stderr: str) -> bool:
    return "the stack is currently locked by" in stderr


def is_fenced(stderr: str) -> bool:
    """Whether the state's database refused a write because of its token."""
    return "pq: fenced" in stderr


def provider_gone(said: str) -> bool:
    """Whether the plugin ended in the middle of a call, so that what it was told to make may exist, or did not begin in the engine's ten seconds."""
    return any(words in said for words in _GONE)


def already_exists(stderr: str) -> bool:
    return "already exists" in stderr


def not_there(stderr: str) -> bool:
    return "no stack named" in stderr


def plugin_missing(stderr: str) -> bool:
    return "no resource plugin" in stderr or "could not find plugin" in stderr


def unreadable(stderr: str) -> bool:
    """Whether the engine found a state and could not make anything of it."""
    return any(said in stderr for said in _NOT_WHOLE) or (_LOADING in stderr and any(said in stderr for said in _NO_STATE))
