"""`make demo` goes on from wherever an earlier one was broken off."""

from pathlib import Path
from typing import Any

import pytest

from infra.site import demo
from infra.site.layout import Site

SITE = Site(state=Path("/nowhere/.demo"), ports=25000)


class Datacenter:
    """What people of the site would be answered: one environment, one request, from the state where it was left."""

    def __init__(self, request: str | None, environment: str | None) -> None:
        self.request, self.environment = request, environment
        self.done: list[str] = []

    def __call__(self, site: Site, person: str, noun: str, verb: str, *words: str) -> Any:
        if (noun, verb) == ("environment", "list"):
            return {"items": [{"name": demo.ENVIRONMENT, "state": self.environment}] if self.environment else []}
        request = {"number": "R-2026-0001", "state": self.request, "kind": "environment", "environment": demo.ENVIRONMENT,
                   "digest": "d1g3s7", "operation": "O-2026-0001-1"}  # fmt: skip
        if (noun, verb) == ("request", "list"):
            return {"items": [request] if self.request else []}
        if (noun, verb) == ("request", "show"):
            return request
        self.done.append(f"{person} {noun} {verb}")
        self.request = {"submit": "in_review", "approve": "approved", "retry": "fulfilling", "watch": "fulfilled"}[verb]
        return request


@pytest.mark.parametrize(
    ("request_state", "environment", "done"),
    [
        (None, None, ["sante-agent request submit", "sante-lead request approve", "sante-agent request watch"]),
        ("withdrawn", None, ["sante-agent request submit", "sante-lead request approve", "sante-agent request watch"]),
        ("fulfilled", "decommissioned", ["sante-agent request submit", "sante-lead request approve", "sante-agent request watch"]),
        ("in_review", None, ["sante-lead request approve", "sante-agent request watch"]),
        ("approved", None, ["sante-agent request watch"]),
        ("fulfilling", "provisioning", ["sante-agent request watch"]),
        ("failed", "failed", ["sante-agent operation retry", "sante-agent request watch"]),
        ("fulfilled", "active", []),
        ("fulfilled", "warning", []),
        ("fulfilled", "stopped", []),
    ],
)
def test_what_an_earlier_run_left_is_taken_up_where_it_stands(request_state: str | None, environment: str | None, done: list[str]) -> None:
    datacenter = Datacenter(request_state, environment)

    demo.provide(SITE, ask=datacenter)

    assert datacenter.done == done


def test_each_step_says_what_it_does_how_long_that_takes_and_how_long_it_took(capsys: pytest.CaptureFixture[str]) -> None:
    demo.provide(SITE, ask=Datacenter("in_review", None))

    assert capsys.readouterr().err.splitlines() == [
        "  sante-agent  takes up R-2026-0001, which an earlier run left in_review",
        "  sante-lead   approves R-2026-0001 (usually 1 second) …",
        "               done in 0 s",
        "  the worker   builds it: project, limits, people, network, servers, volume (usually 30 seconds) …",
        "               done in 0 s",
    ]
