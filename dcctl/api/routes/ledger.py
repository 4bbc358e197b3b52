"""The whole ledger as lines, to be proved by who asks."""

from dcctl.api.asking import Caller
from dcctl.api.bridge import Router, Streamed
from dcctl.workflow import proving

router = Router()


@router.get("/ledger", response_class=Streamed)
def ledger(caller: Caller) -> Streamed:
    """Accounts, checkpoints and every entry with its hashes; the last line counts them, so that a broken answer shows."""
    caller.may("quota:verify")
    return Streamed(proving.export(caller.app), media_type="text/tab-separated-values; charset=utf-8")
