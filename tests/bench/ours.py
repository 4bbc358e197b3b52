"""dcctl's side of what is measured: as people do it with the command, timed by what the API itself says of each operation."""

import json
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.site import RunningSite

REASON = "banc d'essai"
LONGEST_SECONDS = 900.0
Shown = dict[str, Any]


def asked(site: RunningSite, agent: str, document: dict[str, Any]) -> str:
    """The number of a request for it that can be decided."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spec.yaml"
        path.write_text(json.dumps(document))  # JSON is YAML
        number = str(site.answer(agent, "request", "submit", str(path))["number"])
    site.until(lambda: site.answer(agent, "request", "show", number)["state"] == "in_review", f"{number} is examined", seconds=LONGEST_SECONDS)
    return number


def approved(site: RunningSite, lead: str, number: str) -> str:
    """Its operation, which is queued now."""
    digest = site.answer(lead, "request", "show", number)["digest"]
    return str(site.answer(lead, "request", "approve", number, "--digest", digest, "--reason", REASON)["operation"])


def ended(site: RunningSite, lead: str, operation: str) -> Shown:
    """The operation once it has succeeded."""
    shown: Shown = {}

    def over() -> bool:
        shown.update(site.answer(lead, "operation", "show", operation))
        return shown["state"] in ("succeeded", "failed", "cancelled")

    site.until(over, operation, seconds=LONGEST_SECONDS, pause=1.0)
    if shown["state"] != "succeeded":
        raise SystemExit(f"{operation} is {shown['state']}: {shown['error']}")
    return shown


def given_back(site: RunningSite, lead: str, *names: str) -> None:
    """Nothing of these environments is left."""
    numbers = [site.answer(lead, "environment", "decommission", name, "--confirm", name, "--reason", REASON)["number"] for name in names]
    for number in numbers:
        site.until(lambda number=number: _gone(site, lead, number), number, seconds=LONGEST_SECONDS, pause=1.0)


def _gone(site: RunningSite, lead: str, number: str) -> bool:
    shown = site.answer(lead, "request", "show", number)
    if shown["state"] == "failed":
        raise SystemExit(f"{number} failed: {shown['error']}")
    return bool(shown["state"] == "fulfilled")


def seconds(shown: Shown) -> float:
    """From the approval, which made the operation, to its end."""
    return moment(shown["finished_at"]) - moment(shown["created_at"])


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
