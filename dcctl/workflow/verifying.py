"""The ledger's chain followed from where it was right last, every hour: what was added since, and that what is before it is still the same.

A warning for operators, not a proof: that takes the whole export, and a checkpoint that the host's administrator cannot reach (`dcctl quota verify`).
"""

from collections.abc import Callable, Iterable

import structlog

from dcctl.store import LedgerAcceptance, LedgerProof, now
from dcctl.workflow.app import App
from quotas import proof
from quotas.chain import GENESIS, Checkpoint, Finding, Report, verify
from quotas.chain import follow as followed

#: Entries in one run; the next goes on. A million take some ten seconds.
MOST = 1_000_000

log = structlog.get_logger("dcctl.verifying")


def follow(app: App) -> Finding | None:
    """Follow the chain, and remember how far it is right; what is wrong stays so until it is no more."""
    with app.transaction() as session:
        known = session.get(LedgerProof, True, with_for_update=True)
        position, chain_hash = (known.position, known.chain_hash) if known else (0, GENESIS)
        stored = proof.link(session, position) if position else GENESIS
        if stored is None:
            finding: Finding | None = Finding(code="cut", position=position)
        elif stored != chain_hash:
            finding = Finding(code="chain", position=position)
        else:
            position, chain_hash, finding = followed(proof.links(session, position, MOST), position, chain_hash)
        if known is None:
            known = LedgerProof(position=position, chain_hash=chain_hash)
        known.position, known.chain_hash, known.checked_at = position, chain_hash, now()
        known.finding = None if finding is None else f"{finding.code} {finding.position}"
        session.add(known)
    if finding is not None:
        log.error("chain_broken", finding=finding.code, position=finding.position, entry=finding.entry)
    return finding


def follow_again(app: App, account: str, reason: str, examine: Callable[[Report], None], kept: Iterable[Checkpoint] = ()) -> Report:
    """Prove the whole ledger, and when it is right go on from its end, whatever was known of the chain before; who wanted that, and why, is kept.

    The chain of a ledger that was restored is another one than the worker followed, so what it last found right is not in it, and never will be.

    Args:
        account: of the server's own system.
        examine: raises for what the proof found wrong; then nothing is written.
        kept: checkpoints that the auditor keeps, their signatures checked already; those beside the chain are compared in any case.
    """
    with app.transaction() as session:
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})  # balances and entries of one moment
        known = session.get(LedgerProof, True, with_for_update=True)
        report = verify(proof.export(session, now()), kept)
        examine(report)
        known = known or LedgerProof(position=0, chain_hash=GENESIS)
        accepted = LedgerAcceptance(
            account=account, reason=reason, position=report.sealed, former_position=known.position, former_finding=known.finding
        )
        session.add(accepted)
        known.position, known.chain_hash, known.finding, known.checked_at = report.sealed, report.chain_hash, None, now()
        session.add(known)
    log.warning("chain_accepted", account=account, reason=reason, position=report.sealed, former_finding=accepted.former_finding)
    return report
