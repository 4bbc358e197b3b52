"""dcctl audit export and verify: the trail proved on this machine, with the public key alone."""

import hashlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from dcctl import signature, trail
from quotas.chain import GENESIS, Checkpoint
from tests.unit.cli.conftest import Dcctl
from tests.unit.cli.fake_api import FakeApi

EXPORT = ("GET", "/v1/audit/export")
EVENTS = 6


def a_trail(key: Ed25519PrivateKey | None) -> bytes:
    """Events of an afternoon, and a checkpoint at the fourth."""
    chain, lines, marks = GENESIS, [], []
    for number in range(1, EVENTS + 1):
        fields = [number, 1_770_000_000_000_000 + number, "request:submit", "success", "5f1c", "sante-agent", "domain:min-sante", "api", "127.0.0.1",
                  "req-1", "min-sante", f"R-2026-{number:04}", "{}"]  # fmt: skip
        text = "\t".join(map(str, fields)).encode()
        content = hashlib.sha256(text).digest()
        chain = hashlib.sha256(chain + content).digest()
        lines.append(b"\t".join([b"E", str(number).encode(), text, content.hex().encode(), chain.hex().encode()]))
        if number == 4 and key is not None:
            made = signature.sign(key, Checkpoint(position=4, chain_hash=chain, signed_at=1, of="audit"))
            marks = [f"C\t4\t{chain.hex()}\t1\t{made.public_key.hex()}\t{made.signature.hex()}".encode()]
    return b"\n".join([trail.FORM.first, *marks, *lines, f"Z\t{len(marks)}\t{EVENTS}".encode()]) + b"\n"


@pytest.fixture
def key(home: Path) -> Ed25519PrivateKey:
    made = Ed25519PrivateKey.generate()
    (home / "asin.pem").write_bytes(made.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return made


def test_an_export_is_proved_without_a_server_with_the_public_key_alone(
    dcctl: Dcctl, api: FakeApi, cloud: Path, home: Path, key: Ed25519PrivateKey
) -> None:
    api.refusals[EXPORT] = [(200, a_trail(key))]
    assert dcctl("audit", "export", "audit.tsv").status == 0
    asked = len(api.calls)

    proved = dcctl("audit", "verify", "--export", "audit.tsv", "--public-key", "asin.pem", "-f", "json")

    assert (proved.status, len(api.calls)) == (0, asked), proved.err
    found = json.loads(proved.out)
    assert (found["sealed"], found["unsealed"], found["checkpoints"]) == (EVENTS, 0, 1)
    assert "up to position 4" in proved.err


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"sante-agent", b"sante-lead!", "DCCTL-630"),
        (b"E\t3\t", b"E\t4\t", "DCCTL-630"),
        (b"C\t4\t", b"C\t5\t", "DCCTL-631"),
        (b"Z\t1\t6", b"Z\t1\t5", "DCCTL-632"),
        (b"dcctl-audit\t1", b"dcctl-ledger\t1\t1", "DCCTL-632"),
    ],
)
def test_what_is_wrong_is_named_in_both_languages(dcctl: Dcctl, home: Path, key: Ed25519PrivateKey, old: bytes, new: bytes, code: str) -> None:
    (home / "audit.tsv").write_bytes(a_trail(key).replace(old, new, 1))

    english = dcctl("audit", "verify", "--export", "audit.tsv", "--public-key", "asin.pem")
    french = dcctl("audit", "verify", "--export", "audit.tsv", "--public-key", "asin.pem", lang="fr")

    assert (english.status, code in english.err, code in french.err) == (1, True, True), english.err
    assert english.err != french.err


def test_a_trail_without_a_checkpoint_of_the_key_proves_nothing_by_it(dcctl: Dcctl, home: Path, key: Ed25519PrivateKey) -> None:
    (home / "audit.tsv").write_bytes(a_trail(None))
    assert "DCCTL-633" in dcctl("audit", "verify", "--export", "audit.tsv", "--public-key", "asin.pem").err
    assert dcctl("audit", "verify", "--export", "audit.tsv").status == 0
    (home / "audit.tsv").write_bytes(a_trail(Ed25519PrivateKey.generate()))
    assert "DCCTL-631" in dcctl("audit", "verify", "--export", "audit.tsv", "--public-key", "asin.pem").err
