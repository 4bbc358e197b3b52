"""Why nothing begins now, in words: with a request or an operation that waits, where it is submitted, followed and shown, and in the status."""

from collections.abc import Mapping
from typing import Any

from dcctl.cli.times import moment
from dcctl.words import N_, sentence

SENTENCES: Mapping[str, str] = {
    "maintenance": N_("Maintenance since {since}: {reason}. Requests are taken; operations begin when it ends."),
    "observe": N_(
        "Since {since} dcctl only observes: its ledger is compared with OpenStack. Requests are taken; operations begin when operators end that."
    ),
}


def words(resting: Mapping[str, Any]) -> str:
    """The sentence of one reason: `why`, `since`, `reason`."""
    why = str(resting.get("why"))
    shown = {"since": moment(resting.get("since")), "reason": resting.get("reason") or "–"}
    return sentence(SENTENCES[why], shown) if why in SENTENCES else why
