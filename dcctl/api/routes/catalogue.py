"""What a spec may name."""

from typing import Any

from dcctl.api.asking import Caller
from dcctl.api.bridge import Router
from dcctl.schemas import Catalogue
from dcctl.workflow import catalogue

router = Router()


@router.get("/catalogue", response_model=Catalogue)
def listing(caller: Caller) -> dict[str, Any]:
    """Flavors, images, external networks and volume types."""
    caller.may("catalogue:list")
    return catalogue.listing(caller.app, caller.actor)
