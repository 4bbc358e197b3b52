"""Errors as the API writes them: language, form, and everything that is wrong with a body at once."""

import json

import pytest
from pydantic import ValidationError

from dcctl.api.errors import body, encoded, from_validation, language
from dcctl.errors import DcctlError, QuotaShort
from dcctl.schemas import AdministrationIn, PersonIn


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, "fr"), ("", "fr"), ("en", "en"), ("en-GB,en;q=0.9", "en"), ("de, en;q=0.5, fr;q=0.7", "fr"), ("de", "fr"), ("fr;q=0, en", "en"),
        ("*", "fr"), ("en;q=abc", "fr"), (";;;,,,", "fr"), ("fr-BJ", "fr"),
    ],
)  # fmt: skip
def test_the_language_is_the_one_that_the_caller_prefers(accept: str | None, expected: str) -> None:
    assert language(accept) == expected


def test_an_error_carries_code_parameters_sentence_next_step_and_exit_status() -> None:
    error = QuotaShort("min-sante", [{"resource": "cores", "asked": 8, "available": 4}], grantor="dc_operator")

    told = body(error, "en")

    assert told["apiVersion"] == "dcctl/v1"
    assert told["error"] == {
        "code": "DCCTL-201",
        "params": {"holder": "min-sante", "shortfalls": [{"resource": "cores", "asked": 8, "available": 4}], "grantor": "dc_operator"},
        "message": "The envelope of min-sante is not enough (cores: asked 8, available 4).",
        "next": "Ask for less, give back an environment (dcctl environment list), or ask dc_operator for a larger envelope.",
        "exit": 5,
    }


def test_a_placeholder_in_what_somebody_wrote_stays_what_it_is() -> None:
    error = DcctlError("DCCTL-107", kind="user", name="{kind.__class__} {{7*7}}", hint="")

    assert body(error, "en")["error"]["message"] == "There is no user {kind.__class__} {{7*7}}."


def test_what_is_no_json_or_no_utf8_still_makes_an_answer() -> None:
    told = encoded(DcctlError("DCCTL-107", kind="user", name="a\ud800b", hint={1, 2}), "en")

    assert json.loads(told)["error"]["code"] == "DCCTL-107"


def test_every_field_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(ValidationError) as wrong:
        AdministrationIn.model_validate({"code": "Min Santé", "name": "", "colour": "green"})

    error = from_validation(wrong.value.errors())

    assert error.code == "DCCTL-002"
    assert [(p["field"], p["value"], p["allowed"]) for p in error.params["problems"]] == [
        ("code", "Min Santé", "[a-z][a-z0-9-]{1,30}[a-z0-9]"),
        ("name", "–", "1 …"),
        ("colour", "green", "no such field"),
    ]
    assert body(error, "en")["error"]["message"] == (
        "code: Min Santé is not allowed ([a-z][a-z0-9-]{1,30}[a-z0-9]). name: – is not allowed (1 …). colour: green is not allowed (no such field)."
    )


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b"])
def test_text_that_the_database_cannot_keep_is_refused(text: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        PersonIn.model_validate({"user": text, "role": "dc_lead"})

    problem = from_validation(wrong.value.errors()).params
    assert problem["allowed"] == "text without control characters"
    assert "\x00" not in problem["value"]
