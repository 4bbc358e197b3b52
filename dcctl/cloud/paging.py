"""Where a list goes on: what each of OpenStack's services writes into a page about the next one. This module is pure."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit


def next_page(document: Mapping[str, Any]) -> list[tuple[str, str]] | None:
    """The query of the next page; None where this one is the last.

    Nova, Cinder and Neutron have a list of links beside the items, named after them but for some of Cinder's (`volume_type_links`,
    cinder/api/v3/views/types.py); Keystone has one object `links`, Glance an address `next`.
    """
    for name, links in document.items():
        if name.endswith("_links") and isinstance(links, list):
            for link in links:
                if isinstance(link, Mapping) and link.get("rel") == "next" and link.get("href"):
                    return _query(link["href"])
    links = document.get("links")
    address = links.get("next") if isinstance(links, Mapping) else document.get("next")
    return _query(address) if address else None


def _query(address: object) -> list[tuple[str, str]] | None:
    """None where the address asks nothing: that would be the first page again."""
    return parse_qsl(urlsplit(str(address)).query) or None
