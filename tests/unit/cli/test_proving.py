"""dcctl quota export and verify over HTTP."""

import random
from pathlib import Path

import pytest

from dcctl.errors import DcctlError
from tests.integration.quotas.exports import ACCOUNTS, ENTRIES, a_ledger
from tests.unit.cli.conftest import Dcctl
from tests.unit.cli.fake_api import FakeApi

LEDGER = ("GET", "/v1/ledger")


@pytest.fixture
def sent(api: FakeApi, cloud: Path) -> bytes:
    content = b"\n".join(a_ledger(random.Random(42))) + b"\n"
    api.refusals[LEDGER] = [(200, content)] * 3
    return content


def test_what_the_server_sends_is_proved_here(dcctl: Dcctl, sent: bytes) -> None:
    done = dcctl("quota", "verify", "-f", "value", "-c", "sealed")
    assert (done.status, done.out.strip()) == (0, str(ACCOUNTS + ENTRIES))
    assert "Everything agrees." in done.err
    assert "--checkpoint FILE" in done.err, "what was not looked at is said"


def test_what_is_not_in_the_chain_yet_is_counted_and_what_that_means_is_said(dcctl: Dcctl, sent: bytes, api: FakeApi) -> None:
    *before, last, held, end = sent.splitlines()
    _, _, rest = last.split(b"\t", 2)
    text, content, _ = rest.rsplit(b"\t", 2)
    api.refusals[LEDGER] = [(200, b"\n".join([*before, b"\t".join([b"U", text, content]), held, end]) + b"\n")] * 2
    done, french = dcctl("quota", "verify"), dcctl("quota", "verify", lang="fr")
    assert (done.status, french.status) == (0, 0)
    assert "1 entries are not in the chain yet" in done.err
    assert "1 écritures ne sont pas encore dans la chaîne" in french.err


def test_an_export_is_written_as_it_was_sent_and_proved_without_a_server(dcctl: Dcctl, sent: bytes, api: FakeApi, home: Path) -> None:
    assert dcctl("quota", "export", "ledger.tsv").status == 0
    asked = len(api.calls)
    assert (home / "ledger.tsv").read_bytes() == sent
    assert not (home / "ledger.tsv.part").exists()
    assert dcctl("quota", "verify", "--export", "ledger.tsv").status == 0
    assert len(api.calls) == asked


def test_the_first_wrong_entry_is_named_in_both_languages(dcctl: Dcctl, sent: bytes, api: FakeApi) -> None:
    api.refusals[LEDGER] = [(200, sent.replace(b"\tR-2026-0003\t", b"\tR-2026-0004\t", 1))] * 2
    said = dcctl("quota", "verify")
    french = dcctl("quota", "verify", lang="fr")
    assert (said.status, french.status) == (1, 1)
    assert "Error DCCTL-540: Entry 9 (position 13) of the ledger is wrong: content" in said.err
    assert "L’écriture 9 (position 13) du registre est fausse" in french.err


def test_an_answer_that_breaks_off_proves_nothing_and_leaves_no_file(dcctl: Dcctl, sent: bytes, api: FakeApi, home: Path) -> None:
    api.refusals[LEDGER] = [(200, sent[:-20]), DcctlError("DCCTL-106", action="quota:verify", roles=["dc_auditor"])]
    assert "DCCTL-542" in dcctl("quota", "verify").err
    refused = dcctl("quota", "export", "ledger.tsv")
    assert (refused.status, "DCCTL-106" in refused.err) == (3, True)
    assert list(home.glob("ledger.tsv*")) == []
