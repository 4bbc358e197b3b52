"""The certificate of an environment's end, as a page and as a table: what others named is shown and never obeyed."""

import pytest

from dcctl import words
from dcctl.cli import certified

NASTY = '<script>alert("x")</script>'
ANSWER = {
    "issued_at": "2026-11-22T20:10:00+00:00",
    "digest": "ab" * 32,
    "certificate": {
        "administration": {"code": "min-sante", "name": "Ministère de la Santé"},
        "environment": "dossier-patient",
        "project": "6f0c",
        "region": "cotonou",
        "made": {"request": "R-2026-0042", "at": "2026-11-01T08:00:00+00:00", "offer": "standard@1"},
        "destroyed": [
            {"service": "compute", "type": "server", "id": "s-1", "name": "min-sante-dossier-patient-web-1", "detail": "", "dcctl": True},
            {"service": "network", "type": "network", "id": "n-9", "name": NASTY, "detail": "", "dcctl": False},
            {"service": "object-store", "type": "container", "id": "c-1", "name": "", "detail": "9 objects", "dcctl": False},
        ],
        "ended": {"operation": "O-2026-0043-1", "began": "2026-11-22T20:00:00+00:00", "at": "2026-11-22T20:10:00+00:00"},
        "word": {
            "request": "R-2026-0043", "kind": "decommission", "reason": f"projet clos {NASTY}", "by": "sante-lead", "at": "2026-11-22T19:00:00+00:00",
            "decisions": [{"verdict": "approve", "by": "operator", "reason": "conforme", "at": "2026-11-22T19:30:00+00:00", "digest": "cd"}],
        },
        "given_back": [{"entry": 812, "kind": "free", "resource": "cores", "amount": 4, "to": "min-sante", "at": "2026-11-22T20:10:00+00:00"}],
    },
}  # fmt: skip


@pytest.fixture(params=["fr", "en"])
def language(request: pytest.FixtureRequest):
    words.use(request.param)
    yield request.param
    words.use("en")


def test_the_page_says_all_in_the_readers_language_and_escapes_what_others_named(language: str) -> None:
    page = certified.html(ANSWER)

    assert ("Attestation de destruction" if language == "fr" else "Certificate of destruction") in page
    assert ("22/11/2026 21:10" if language == "fr" else "2026-11-22 21:10") in page
    for said in ("Ministère de la Santé", "min-sante-dossier-patient-web-1", "sante-lead", "R-2026-0043", "812", "container", "9 objects", "ab" * 32):
        assert said in page
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 2
    assert "default-src" in page


def test_the_table_names_what_was_made_beside_dcctl(language: str) -> None:
    lines = certified.lines(ANSWER)

    beside = "créé hors de dcctl" if language == "fr" else "made beside dcctl"
    assert lines["destroyed"].splitlines()[0].endswith("min-sante-dossier-patient-web-1")
    assert [line.endswith(f"({beside})") for line in lines["destroyed"].splitlines()] == [False, True, True]
    assert lines["given_back"] == "cores 4 (812)"
    assert "sante-lead" in lines["word"]
    assert "operator" in lines["word"]
