"""Each error code says more than its sentence and what can be done, and is raised with every parameter that its words name."""

import ast
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

import dcctl
from dcctl import words
from dcctl.errors import CATALOGUE, DcctlError

CHECKOUT = Path(dcctl.__file__).parents[1]
#: Failed, usage, not allowed, OpenStack, quota, not found, waiting: after these somebody can do something.
WITH_A_NEXT_STEP = {1, 2, 3, 4, 5, 6, 10}
#: The classes that take a code and its parameters as they are, and what others add by themselves.
PLAIN = {"DcctlError", "CloudError", "EngineError"}
SHORT = {"holder", "shortfalls", "grantor"}


def placeholders(text: str) -> set[str]:
    return {name for _literal, name, _spec, _conversion in Formatter().parse(text) if name}


def raised(file: Path) -> Iterator[tuple[str, str, set[str]]]:
    """Where a code stands as a literal: place, code, and the parameters that it is given there. `**more` may be any, and is not looked at."""
    for node in ast.walk(ast.parse(file.read_text())):
        name = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
        if not isinstance(node, ast.Call) or name not in PLAIN | {"QuotaShort"} or any(given.arg is None for given in node.keywords):
            continue
        named = {given.arg: given.value for given in node.keywords if given.arg is not None}
        code = node.args[0] if name in PLAIN and node.args else named.pop("code", None)
        for literal in ast.walk(code) if code is not None else ():
            if isinstance(literal, ast.Constant) and str(literal.value).startswith("DCCTL-"):
                yield f"{file.relative_to(CHECKOUT)}:{node.lineno}", str(literal.value), set(named) | (SHORT if name == "QuotaShort" else set())


def everywhere() -> list[tuple[str, str, set[str]]]:
    files = [file for folder in ("dcctl", "metrics", "quotas", "stacks") for file in sorted((CHECKOUT / folder).rglob("*.py"))]
    return [found for file in files for found in raised(file)]


@pytest.mark.parametrize("code", CATALOGUE)
def test_a_code_says_more_than_its_sentence_and_what_to_do(code: str) -> None:
    entry = CATALOGUE[code]
    for lang in ("en", "fr"):
        text, following, explained = (words.in_language(lang, said) for said in (entry.text, entry.next, entry.explain))
        assert explained, "every error ends with: More: dcctl explain CODE; so give it an explain, and its French"
        assert explained not in (text, following)
        assert following or entry.exit not in WITH_A_NEXT_STEP, "give it a next step"
    assert placeholders(entry.explain) == set(), "dcctl explain has no parameters to fill it with"


def test_what_is_raised_has_every_parameter_that_its_words_name() -> None:
    found = everywhere()
    lacking = {
        f"{place} {code}": sorted(missing)
        for place, code, given in found
        if (missing := placeholders(CATALOGUE[code].text + CATALOGUE[code].next) - given)
    }
    assert len(found) > 150
    assert lacking == {}


def test_no_code_is_there_that_nothing_says() -> None:
    """Named somewhere beside the table: raised, or chosen by what raises it."""
    files = [file for folder in ("dcctl", "metrics") for file in sorted((CHECKOUT / folder).rglob("*.py")) if file.name != "errors.py"]
    said = " ".join(file.read_text() for file in files) + (CHECKOUT / "dcctl" / "errors.py").read_text().partition("class DcctlError")[2]
    assert [code for code in CATALOGUE if f'"{code}"' not in said] == []


def test_an_error_that_is_another_ones_reason_is_said_in_the_readers_language() -> None:
    cause = DcctlError("DCCTL-564", newest=3, known=9)
    said = {lang: words.render_error("DCCTL-560", {"region": "cotonou", "reason": cause.to_json()}, lang) for lang in ("fr", "en")}
    assert said["en"] == (
        "cotonou is in observe, and nothing is written to OpenStack: "
        "The ledger ends at entry 3 and does not have entry 9 as it was: it was restored."
    )
    assert said["fr"].endswith("Le grand livre finit à l’écriture 3 et n’a pas l’écriture 9 telle qu’elle était\u00a0: il a été restauré.")
    newer = {"region": "cotonou", "reason": {"code": "DCCTL-999", "params": {}}}
    assert words.render_error("DCCTL-560", newer, "en").endswith("DCCTL-999")
