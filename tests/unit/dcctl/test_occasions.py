"""What letters say: both languages, plain and HTML, and nothing that somebody wrote does anything in them."""

import html
from html.parser import HTMLParser

import pytest

from dcctl.occasions import KINDS, OCCASIONS, one_line, write

PARAMS = {"number": "R-2026-0042", "environment": "dossier-patient", "kind": "environment", "by": "sante-agent", "reason": "hors schéma directeur",
          "waited": "dc_lead (min-sante)", "administration": "min-sante", "asked": {"cores": 64, "ram": 4096}, "granted": {"cores": 32},
          "days": 7, "until": "30/06/2026", "error": {"code": "DCCTL-501", "params": {}}}  # fmt: skip
HOSTILE = ["<script>alert(1)</script>", "{{7*7}}", "{% for x in y %}", "a\r\nBcc: all@example.bj", "\x1b]0;x\x07", "\u202eevil", "'\"><img src=x>",
           "{number.__class__}", "{0}", "%s", "=cmd()", "\u2028x"]  # fmt: skip


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attributes)))


def tags(text: str) -> list[tuple[str, tuple[str, ...]]]:
    parser = Tags()
    parser.feed(text)
    return parser.found


@pytest.mark.parametrize("occasion", OCCASIONS)
def test_each_occasion_has_words_in_both_languages(occasion: str) -> None:
    french, english = write("min-sante", "fr", [(occasion, PARAMS)]), write("min-sante", "en", [(occasion, PARAMS)])

    assert french.text != english.text
    assert french.subject != english.subject
    for letter in (french, english):
        assert "{" not in letter.subject + letter.text
        assert ("R-2026-0042" in letter.text) or occasion == "expiring"
        of_envelope = occasion in ("proposed", "granted") or occasion.endswith(":envelope")
        assert ("dossier-patient" in html.unescape(letter.html)) != of_envelope


def test_of_a_larger_envelope_it_is_said_as_such_with_its_units() -> None:
    of = PARAMS | {"kind": "envelope", "environment": ""}
    for occasion in OCCASIONS:
        if ":" in occasion or occasion not in ("approved", "ready", "expiring"):
            letter = write("min-sante", "en", [(occasion, of)])
            assert "envelope" in letter.text + letter.subject
            assert "  " not in letter.text.replace("\n", "")
    assert "cores=32" in write("min-sante", "en", [("proposed", of)]).text
    assert "(asked: cores=64, ram=4096)" in write("min-sante", "en", [("granted", of)]).text


def test_what_goes_to_operators_says_who_they_are_and_where_that_is_set() -> None:
    letter = write("", "fr", [("reminder", PARAMS)])
    assert "exploitants du datacenter" in letter.text
    assert "letters.operators" in letter.text


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_are_words(kind: str) -> None:
    assert kind in write("min-sante", "en", [("received", PARAMS | {"kind": kind})]).text


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("field", ["by", "reason", "environment", "number"])
def test_what_people_wrote_does_nothing(hostile: str, field: str) -> None:
    for occasion in ("received", "refused"):
        plain, letter = write("min-sante", "fr", [(occasion, PARAMS)]), write("min-sante", "fr", [(occasion, PARAMS | {field: hostile})])
        assert tags(letter.html) == tags(plain.html)
        assert len(letter.text.splitlines()) == len(plain.text.splitlines())
        assert letter.subject.replace("\xa0", " ").isprintable()
        assert all(character.isprintable() or character in "\n\xa0" for character in letter.text + letter.html)
        assert "49" not in letter.text


def test_ten_megabytes_become_a_line() -> None:
    letter = write("min-sante", "fr", [("refused", PARAMS | {"reason": "x" * 10_000_000, "environment": "y" * 10_000_000})])
    assert len(letter.subject) <= 150
    assert len(letter.html) < 20_000
    assert one_line("a\x00b\r\nc") == "a b c"


def test_a_digest_tells_each_of_them() -> None:
    letter = write("min-sante", "en", [("received", PARAMS), ("approved", PARAMS), ("ready", PARAMS)])
    assert letter.subject == "min-sante: 3 message(s) of the day"
    assert letter.text.count("R-2026-0042") >= 3
    assert letter.html.count("<h2>") == 3
