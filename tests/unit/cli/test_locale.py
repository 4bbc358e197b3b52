"""Every sentence has its French, whole and with the same placeholders; the compiled catalogue is that of the source."""

import ast
import gettext
import re
from pathlib import Path
from string import Formatter

import click
import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

import dcctl
from dcctl import words
from dcctl.errors import CATALOGUE
from dcctl.faults import SENTENCES, sentence
from dcctl.words import LOCALE_DIR
from stacks.faults import CHANGES, FAULTS, NOTICES

CHECKOUT = Path(dcctl.__file__).parents[1]
DEVCLOUD = CHECKOUT / "infra" / "devcloud" / "devcloud"
#: Each catalogue, and the folders whose sentences it has. The trial cloud's environment has no dcctl in it, so it has a catalogue of its own.
FOLDERS = {
    LOCALE_DIR: [Path(dcctl.__file__).parent, Path(click.__file__).parent, *(CHECKOUT / "infra" / name for name in ("setup", "site", "pulumi"))],
    DEVCLOUD / "locale": [DEVCLOUD],
}
KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
MISFITS = {
    "spec.unknown_offer": ("offer", "nearest", "allowed"), "spec.unknown_flavor": ("flavor", "nearest", "allowed"),
    "spec.unknown_image": ("image", "nearest", "allowed"), "spec.unknown_network": ("network", "nearest", "allowed"),
    "spec.unknown_volume_type": ("volume_type", "nearest", "allowed"), "spec.unknown_resource": ("resource", "nearest", "allowed"),
    "spec.unknown_member": ("member", "nearest"), "spec.quota_missing": ("resource", "needed"), "spec.does_not_fit": ("resource", "needed", "quota"),
    "spec.beyond_offer": ("resource", "asked", "most"), "spec.duration_too_long": ("asked", "most"),
}  # fmt: skip
OPENINGS = {
    "opening.unknown_administration": ("found", "nearest"), "opening.unknown_resource": ("found", "nearest", "allowed"),
    "opening.not_an_amount": ("found", "maximum"), "opening.empty": ("administration",),
    "opening.duplicate": ("administration", "resource", "first"), "opening.too_many_cells": ("count", "maximum"), "opening.not_csv": ("problem",),
    "opening.alias": (),
}  # fmt: skip
OFFERS = {
    "offer.not_counted": ("found", "allowed"), "offer.counted": ("found",), "offer.one_duration": (), "offer.not_a": ("found", "allowed"),
}  # fmt: skip
POLICIES = {
    "policy.unknown_value": ("found", "nearest", "allowed"), "policy.no_last_rule": ("name",), "policy.never_reached": ("name", "count"),
    "policy.unbounded": ("name", "missing"), "policy.not_rising": ("found", "lapse"),
}  # fmt: skip
YAML = {"yaml.syntax": ("problem",), "yaml.duplicate_key": ("key", "first"), "yaml.too_deep": ("maximum",), "yaml.too_large": ("maximum",)}


each_catalogue = pytest.mark.parametrize("locale", FOLDERS, ids=["dcctl", "devcloud"])


def french(locale: Path) -> Path:
    return locale / "fr" / "LC_MESSAGES"


def catalogue(locale: Path) -> Catalog:
    with (french(locale) / "messages.po").open("rb") as file:
        return read_po(file, locale="fr")


def texts(message: Message) -> list[tuple[str, str]]:
    """Pairs of English and French, for each form."""
    ids = message.id if isinstance(message.id, tuple) else (message.id,)
    strings = message.string if isinstance(message.string, tuple) else (message.string,)
    return list(zip(ids, strings, strict=True))


def extracted(folder: Path) -> set[str]:
    found = extract_from_dir(folder, keywords=KEYWORDS)
    return {text[0] if isinstance(text, tuple) else text for _file, _line, text, _comments, _context in found}


def placeholders(text: str) -> set[str]:
    return {name for _literal, name, _spec, _conversion in Formatter().parse(text) if name} | set(re.findall(r"%\(\w+\)s", text))


@pytest.mark.parametrize(("locale", "folder"), [(locale, folder) for locale, folders in FOLDERS.items() for folder in folders],
                         ids=lambda path: path.name)  # fmt: skip
def test_every_sentence_in_the_source_has_its_french(locale: Path, folder: Path) -> None:
    known = {texts(message)[0][0] for message in catalogue(locale) if message.id and all(there for _english, there in texts(message))}
    sentences = extracted(folder)
    assert sentences
    assert sorted(sentences - known) == []


@each_catalogue
def test_no_translation_is_uncertain_or_left_over(locale: Path) -> None:
    known = set().union(*(extracted(folder) for folder in FOLDERS[locale]))
    assert [message.id for message in catalogue(locale) if message.id and (message.fuzzy or texts(message)[0][0] not in known)] == []


@each_catalogue
def test_placeholders_agree(locale: Path) -> None:
    for message in catalogue(locale):
        allowed = set().union(*(placeholders(english) for english, _french in texts(message)))
        for english, there in texts(message):
            if message.id:
                assert placeholders(there) <= allowed, english
                assert isinstance(message.id, tuple) or placeholders(there) == placeholders(english), english


@each_catalogue
def test_french_typography(locale: Path) -> None:
    """A no-break space before : ; ! ? and inside of « », and the curved apostrophe."""
    for message in catalogue(locale):
        for english, there in texts(message):
            if message.id:
                assert not re.search(r" [:;!?»]|« |[a-z]'[a-zéèêà]", there), english


@each_catalogue
def test_the_compiled_catalogue_is_that_of_the_source(locale: Path, tmp_path: Path) -> None:
    with (tmp_path / "messages.mo").open("wb") as file:
        write_mo(file, catalogue(locale))
    with (tmp_path / "messages.mo").open("rb") as fresh, (french(locale) / "messages.mo").open("rb") as shipped:
        new, old = gettext.GNUTranslations(fresh), gettext.GNUTranslations(shipped)
    assert {key: text for key, text in old._catalog.items() if key} == {key: text for key, text in new._catalog.items() if key}  # type: ignore[attr-defined]


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_every_fault_has_a_sentence_with_all_its_facts(lang: str) -> None:
    words.use(lang)
    for code, names in (FAULTS | NOTICES | CHANGES | MISFITS | OPENINGS | OFFERS | POLICIES | YAML).items():
        facts = {name: f"<{name}>" for name in names}
        said = sentence(code, facts)
        assert "{" not in said, code
        left_out = {"spec.not_a_boolean": {"allowed"}}
        for name in set(names) - left_out.get(code, set()):
            assert f"<{name}>" in said, code
    assert set(SENTENCES) == set(FAULTS) | set(NOTICES) | set(CHANGES) | set(MISFITS) | set(OPENINGS) | set(OFFERS) | set(POLICIES) | set(YAML)


def test_a_fault_of_a_newer_server_is_shown_as_it_is() -> None:
    assert sentence("spec.too_blue", {"found": "#00f"}) == "spec.too_blue {'found': '#00f'}"


def test_the_languages_differ_for_every_error() -> None:
    for code, entry in CATALOGUE.items():
        assert words.in_language("fr", entry.text) != entry.text, code
        assert words.in_language("en", entry.text) == entry.text, code


#: What people read goes through one of these. A command line that is shown to be typed begins with four spaces.
SAYING = {"say", "tell", "print", "echo", "exit", "told", "SiteError", "DevcloudError", "StepFailed", "ServiceFailed", "Refusal", "ClickException"}
WORDS = re.compile(r"[a-zA-Z]{2,},? [a-z]{2,}")


def unmarked(file: Path) -> list[str]:
    """Sentences that are said in one language: a literal, or an f-string with words of its own, handed to what says it."""
    found = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in SAYING:
            for given in node.args:
                parts = given.values if isinstance(given, ast.JoinedStr) else [given]
                literal = "{}".join(part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str))
                if WORDS.search(literal) and not literal.startswith("    "):
                    found.append(f"{file.name}:{node.lineno}: {literal}")
    return found


def test_nothing_is_said_in_one_language_only() -> None:
    """But by the guard for old Pythons, which says it in both at once."""
    folders = [folder for folders in FOLDERS.values() for folder in folders if folder != Path(click.__file__).parent]
    files = [file for folder in folders for file in sorted(folder.rglob("*.py")) if file != CHECKOUT / "infra" / "setup" / "__main__.py"]
    assert [said for file in files for said in unmarked(file)] == []
    assert unmarked(Path(__file__).parents[2] / "bench" / "submit.py"), "the bench speaks English to contributors, and would be seen"
