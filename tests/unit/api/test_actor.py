"""Which roles of a token count: a table written by hand."""

import pytest

from dcctl.workflow.actor import Scope, counting, scope_of

ALL = frozenset({"dc_agent", "dc_lead", "dc_operator", "dc_auditor", "admin", "manager", "member", "DC_LEAD"})
MINISTRY, DATACENTER, NONE = {"dc_agent", "dc_lead"}, {"dc_operator", "dc_auditor"}, set[str]()
OF_DOMAIN = Scope(kind="domain", words="domain:min-sante", domain_id="d")
OF_ASIN = Scope(kind="project", words="project:asin/exploitation", project_id="p", project_domain="asin")
OF_PROJECT = Scope(kind="project", words="project:min-sante/portail", project_id="p", project_domain="min-sante")
OF_SYSTEM, OF_NOTHING = Scope(kind="system", words="system:all"), Scope(kind="none", words="none")


@pytest.mark.parametrize(
    ("scope", "administration", "home", "expected"),
    [
        (OF_DOMAIN, "min-sante", "asin", MINISTRY),
        (OF_DOMAIN, None, "asin", NONE),  # a domain that is no administration's
        (OF_DOMAIN, "min-sante", "min-sante", NONE),  # an account that a domain manager can make or take over
        (OF_ASIN, None, "asin", DATACENTER),
        (OF_ASIN, None, "min-sante", NONE),
        (OF_PROJECT, None, "asin", NONE),
        (OF_SYSTEM, None, "asin", NONE),
        (OF_NOTHING, None, "asin", NONE),
    ],
)
def test_a_role_counts_only_where_it_was_meant(scope: Scope, administration: str | None, home: str, expected: set[str]) -> None:
    assert counting(ALL, scope, home=home, administration=administration, people_domain="asin") == expected


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ({"domain": {"id": "d", "name": "min-sante"}}, "domain:min-sante"),
        ({"project": {"id": "p", "name": "exploitation", "domain": {"id": "a", "name": "asin"}}}, "project:asin/exploitation"),
        ({"system": {"all": True}}, "system:all"),
        ({}, "none"),
    ],
)
def test_the_scope_is_told_in_words(token: dict[str, object], words: str) -> None:
    assert scope_of(token).words == words
