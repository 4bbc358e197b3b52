"""The services' words become one printable line, whatever they look like."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcctl.cloud.wording import LONGEST, clean, words_of


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"badRequest": {"code": 400, "message": "Quota limit 1 for cores is too low."}}', "Quota limit 1 for cores is too low."),
        ('{"NeutronError": {"type": "NetworkInUse", "message": "one or more ports", "detail": ""}}', "one or more ports"),
        ('{"error": {"code": 403, "message": "You are not authorized", "title": "Forbidden"}}', "You are not authorized"),
        ('{"errors": [{"status": 409, "detail": "first"}, {"status": 409, "detail": "second"}]}', "first; second"),
        ('{"message": "The server could not comply", "code": "400 Bad Request", "title": "Bad Request"}', "The server could not comply"),
        ("<html><head><title>403 Forbidden</title></head><body><h1>403 Forbidden</h1>Image 5 is protected &amp; stays.<br /></body></html>",
         "403 Forbidden Image 5 is protected & stays."),
        ("no \x1b[31mred\x07 words\r\n\u202eevil", "no [31mred words evil"),
        ("", "HTTP 500"),
        ('{"code": 7}', "HTTP 500"),
    ],
)  # fmt: skip
def test_the_sentence_is_found_in_every_shape_of_error(body: str, words: str) -> None:
    assert words_of(body, otherwise="HTTP 500") == words


@given(st.text(max_size=2000))
def test_whatever_is_said_becomes_one_printable_line(text: str) -> None:
    line = clean(text)

    assert len(line) <= LONGEST
    assert line.isprintable()
    assert line == " ".join(line.split())


@given(st.text(max_size=500))
def test_any_answer_can_be_read(body: str) -> None:
    assert words_of(body, otherwise="HTTP 502").isprintable()
