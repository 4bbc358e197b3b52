"""From the ledger to the auditor's desk: export, key, checkpoint, and the proof without any server, as people type them."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from dcctl import migrations
from dcctl.config import Api as ApiSettings
from dcctl.config import Cloud, Database, Settings, Worker
from dcctl.workflow import verifying
from dcctl.workflow.app import App
from dcctl.workflow.proving import export
from dcctl.workflow.sealing import Sealer
from tests.integration.api.stack import REGION, seed
from tests.postgres import Server, alchemy

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def app(postgresql: Server) -> Iterator[App]:
    """A ledger with two ministries' envelopes, and no worker beside it."""
    dsn = postgresql.database(lambda dsn: migrations.upgrade(alchemy(dsn)), key="migrations")
    urls = {name: alchemy(dsn.replace("dcctl_owner@", f"dcctl_{role}@")) for name, role in
            (("application", "app"), ("sealer", "sealer"), ("auditor", "auditor"))}  # fmt: skip
    made = App(Settings(database=Database(**urls), cloud=Cloud(region=REGION), api=ApiSettings(), worker=Worker(seal_seconds=0.05)))
    seed(made)
    yield made
    made.close()


@pytest.fixture
def run(app: App, tmp_path: Path) -> Run:
    """Runs a command in a directory of its own; dcctl's settings are the database's addresses and nothing else."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "DCCTL_CONFIG": os.devnull, "LANG": "C.UTF-8",
               "DCCTL_DATABASE__AUDITOR": app.settings.database.auditor, "DCCTL_LANG": "en",
               "DCCTL_DATABASE__APPLICATION": app.settings.database.application}  # fmt: skip

    def ran(program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [str(Path(sys.executable).with_name(program)), *arguments]
        return subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)

    return ran


def written(app: App, path: Path) -> bytes:
    content = b"".join(export(app))
    path.write_bytes(content)
    return content


def sealed(app: App) -> None:
    """The worker's thread seals what waits, then goes."""
    sealer = Sealer(app.settings)
    sealer.start()
    with app.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for _ in range(6000):
            waiting = "SELECT count(*) FROM quotas.entry e WHERE NOT EXISTS (SELECT FROM quotas.seal s WHERE s.entry_id = e.id)"
            if connection.exec_driver_sql(waiting).scalar_one() == 0:
                break
            sealer.ending.wait(0.01)
        else:
            pytest.fail("nothing was sealed")
    sealer.ending.set()
    sealer.join(60)
    assert not sealer.is_alive()


def test_an_auditor_proves_an_export_with_a_checkpoint_kept_elsewhere(app: App, run: Run, tmp_path: Path) -> None:
    sealed(app)
    assert run("dcctl-manage", "checkpoint", "key", "sign.pem", "asin.pem").returncode == 0
    assert stat.S_IMODE((tmp_path / "sign.pem").stat().st_mode) == 0o600
    again = run("dcctl-manage", "checkpoint", "key", "sign.pem", "asin.pem")
    assert (again.returncode, "DCCTL-543" in again.stderr) == (2, True), "a key is not written over"
    signed = run("dcctl-manage", "checkpoint", "sign", "--key", "sign.pem", "--output", "kept.json")
    assert signed.returncode == 0, signed.stderr
    content = written(app, tmp_path / "ledger.tsv")

    proved = run("dcctl", "quota", "verify", "--export", "ledger.tsv", "--checkpoint", "kept.json", "--public-key", "asin.pem", "-f", "json")

    assert proved.returncode == 0, proved.stderr
    kept = json.loads((tmp_path / "kept.json").read_text())
    found = json.loads(proved.stdout)
    assert {name: found[name] for name in ("sealed", "unsealed", "chain_hash", "checkpoints")} == {
        "sealed": kept["position"], "unsealed": 0, "chain_hash": kept["chain_hash"], "checkpoints": 1,
    }  # fmt: skip
    with psycopg.connect(app.settings.database.auditor.replace("+psycopg", "")) as auditor:
        assert auditor.execute("SELECT position FROM auditor.ledger_checkpoint").fetchall() == [(kept["position"],)]

    for change, code in (
        (lambda lines: [line.replace(b"\tgrant\t", b"\trevoke\t", 1) for line in lines], "DCCTL-540"),
        (lambda lines: lines[:-1], "DCCTL-542"),
        (lambda lines: [line.rstrip(b"\n") + b"0\n" if line.startswith(b"B\t3\t") else line for line in lines], "DCCTL-545"),
    ):
        (tmp_path / "changed.tsv").write_bytes(b"".join(change(content.splitlines(keepends=True))))
        refused = run("dcctl", "quota", "verify", "--export", "changed.tsv", "--checkpoint", "kept.json")
        assert (refused.returncode, code in refused.stderr) == (1, True), refused.stderr
        assert "Traceback" not in refused.stderr


def test_a_checkpoint_that_was_changed_or_signed_by_somebody_else_counts_for_nothing(app: App, run: Run, tmp_path: Path) -> None:
    sealed(app)
    for name in ("asin", "other"):
        run("dcctl-manage", "checkpoint", "key", f"{name}-private.pem", f"{name}.pem")
    run("dcctl-manage", "checkpoint", "sign", "--key", "other-private.pem", "--output", "kept.json")
    written(app, tmp_path / "ledger.tsv")
    foreign = run("dcctl", "quota", "verify", "--export", "ledger.tsv", "--checkpoint", "kept.json", "--public-key", "asin.pem")
    document = json.loads((tmp_path / "kept.json").read_text())
    (tmp_path / "kept.json").write_text(json.dumps(document | {"position": document["position"] - 1}))
    changed = run("dcctl", "quota", "verify", "--export", "ledger.tsv", "--checkpoint", "kept.json", "--public-key", "other.pem")
    missing = run("dcctl", "quota", "verify", "--export", "nowhere.tsv")

    assert (foreign.returncode, "another key" in foreign.stderr) == (2, True), foreign.stderr
    assert (changed.returncode, "the signature is not that of the key" in changed.stderr) == (2, True), changed.stderr
    assert (missing.returncode, "nowhere.tsv" in missing.stderr) == (2, True), missing.stderr


def test_after_a_restore_the_chain_is_followed_again_once_somebody_says_why_and_the_auditors_checkpoint_agrees(
    app: App, run: Run, tmp_path: Path
) -> None:
    sealed(app)
    assert verifying.follow(app) is None
    with app.transaction() as session:  # what was followed is the chain that was lost
        session.connection().exec_driver_sql("UPDATE ledger_proof SET chain_hash = sha256('lost')")
    assert verifying.follow(app) is not None
    for name in ("other", "sign"):
        run("dcctl-manage", "checkpoint", "key", f"{name}.pem", "asin.pem" if name == "sign" else "nobody.pem")
        assert run("dcctl-manage", "checkpoint", "sign", "--key", f"{name}.pem", "--output", "kept.json").returncode == 0
    document = json.loads((tmp_path / "kept.json").read_text())
    kept = ("--checkpoint", "kept.json", "--public-key", "asin.pem")

    unsaid = run("dcctl-manage", "ledger", "follow-again", "--reason", " ")
    foreign = run("dcctl-manage", "ledger", "follow-again", "--reason", "restauration du 12 mars", "--public-key", "asin.pem")
    assert (unsaid.returncode, "DCCTL-680" in unsaid.stderr) == (2, True), unsaid.stderr
    assert (foreign.returncode, "DCCTL-541" in foreign.stderr) == (1, True), foreign.stderr  # somebody else's key signed here, too
    assert verifying.follow(app) is not None

    with psycopg.connect(app.settings.database.application.replace("+psycopg", "").replace("dcctl_app@", "dcctl_owner@")) as owner:
        owner.execute("ALTER TABLE quotas.checkpoint DISABLE TRIGGER USER")
        owner.execute("DELETE FROM quotas.checkpoint WHERE public_key <> %s", (bytes.fromhex(document["public_key"]),))
    accepted = run("dcctl-manage", "ledger", "follow-again", "--reason", "restauration du 12 mars, M. Dossou", *kept)

    assert (accepted.returncode, f"position {document['position']}" in accepted.stderr) == (0, True), accepted.stderr
    assert verifying.follow(app) is None
    with psycopg.connect(app.settings.database.application.replace("+psycopg", "")) as application:
        rows = application.execute("SELECT reason, position, former_position, former_finding FROM ledger_acceptance").fetchall()
        assert rows == [("restauration du 12 mars, M. Dossou", document["position"], document["position"], f"chain {document['position']}")]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            application.execute("UPDATE ledger_acceptance SET reason = ''")
