"""Every failure as the one JSON form, in the caller's language: `{"apiVersion", "error": {"code", "params", "message", "next", "exit"}}`."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dcctl import words
from dcctl.errors import CATALOGUE, DcctlError, NotVisible
from dcctl.schemas import API_VERSION
from dcctl.words import N_

MISSING = N_("it must be given")
NOT_ALLOWED_HERE = N_("no such field")
TEXT = N_("text without control characters")
JSON_BODY = N_("a JSON object")

#: What is allowed, by pydantic's name of what is wrong; the rest is said by the bounds themselves.
SORTS = {
    "missing": MISSING, "extra_forbidden": NOT_ALLOWED_HERE, "string_type": N_("text"), "int_type": N_("a whole number"),
    "int_parsing": N_("a whole number"), "int_from_float": N_("a whole number"), "dict_type": JSON_BODY, "model_attributes_type": JSON_BODY,
    "model_type": JSON_BODY, "json_invalid": JSON_BODY, "unsuitable_text": TEXT, "float_parsing": N_("a number"),
}  # fmt: skip


def language(accept: str | None) -> str:
    """fr or en, as `Accept-Language` prefers; the site's default when it says neither."""
    wanted: list[tuple[float, int, str]] = []
    for position, part in enumerate((accept or "").split(",")[:20]):
        tag, _, rest = part.strip().partition(";")
        code = tag.split("-")[0].lower()
        try:
            weight = float(rest.strip().removeprefix("q=")) if rest.strip() else 1.0
        except ValueError:
            weight = 0.0
        if code in words.LANGUAGES and weight > 0:
            wanted.append((-weight, position, code))
    return min(wanted)[2] if wanted else words.DEFAULT


def body(error: DcctlError, accept: str | None = None) -> dict[str, Any]:
    """The JSON of an error."""
    lang, entry = language(accept), CATALOGUE[error.code]
    return {
        "apiVersion": API_VERSION,
        "error": {
            "code": error.code,
            "params": error.params,
            "message": words.render_error(error.code, error.params, lang),
            "next": words.sentence(entry.next, error.params, lang) if entry.next else "",
            "exit": entry.exit,
        },
    }


def encoded(error: DcctlError, accept: str | None = None) -> bytes:
    """The same as bytes; what is no JSON in the parameters is written as text."""
    return json.dumps(body(error, accept), ensure_ascii=False, default=str).encode("utf-8", "replace")


def from_validation(errors: Sequence[Mapping[str, Any]]) -> DcctlError:
    """DCCTL-002 with everything that pydantic found."""
    problems = [_problem(error) for error in errors]
    return DcctlError("DCCTL-002", **problems[0], **({"problems": problems} if len(problems) > 1 else {}))


def _problem(error: Mapping[str, Any]) -> dict[str, Any]:
    kind, context = str(error["type"]), dict(error.get("ctx") or {})
    # The first part only says whether it was the body, the query, the path or a header.
    where = [str(part) for part in error["loc"]]
    named = where[1:] if where and where[0] in {"body", "query", "path", "header"} else where
    value = "" if kind in {"missing", "json_invalid"} else _shown(error.get("input"))
    return {"field": ".".join(named) or "body", "value": value or "–", "allowed": _allowed(kind, context)}


def _allowed(kind: str, context: Mapping[str, Any]) -> str:
    if kind in SORTS:
        return SORTS[kind]
    if "pattern" in context:
        return str(context["pattern"]).removeprefix("^").removesuffix("$").strip("()").replace("|", ", ")
    low = next((context[key] for key in ("min_length", "ge", "gt") if key in context), None)
    high = next((context[key] for key in ("max_length", "le", "lt") if key in context), None)
    if low is not None or high is not None:
        return f"{low if low is not None else ''} … {high if high is not None else ''}".strip()
    return kind.replace("_", " ")


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    clean = "".join(character if character.isprintable() else "�" for character in text)
    return clean if len(clean) <= 80 else clean[:79] + "…"


def unknown_address(path: str) -> DcctlError:
    """An address that the API does not have answers like anything else that does not exist."""
    return NotVisible("address", _shown(path))
