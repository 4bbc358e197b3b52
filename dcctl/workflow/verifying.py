"""The ledger's chain followed from where it was right last, every hour: what was added since, and that what is before it is still the same.

A warning for operators, not a proof: that takes the whole export, and a checkpoint that the host's administrator cannot reach (`dcctl quota verify`).
"""

import structlog

from dcctl.store import LedgerProof, now
from dcctl.workflow.app import App
from quotas import proof
from quotas.chain import GENESIS, Finding
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
