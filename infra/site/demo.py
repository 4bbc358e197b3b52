"""stub"""
from infra.site.layout import Site


def run(site: Site) -> None: ...
