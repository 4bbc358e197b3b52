"""An hour of silence: the collector's clock is moved, and a real Prometheus, whose clock is not, sees which figures are old."""

import time
from pathlib import Path

from sqlalchemy import text
from sqlmodel import Session

from dcctl.store import Administration
from tests import promtool
from tests.chaos.clocks import Clock
from tests.integration.metrics import country
from tests.integration.metrics.site import Site
from tests.integration.metrics.test_exporter import eventually
from tests.integration.prometheus.test_looking import SOURCES, failed, figures, silent, times, watched


def seen(site: Site) -> dict[str, int]:
    """Service -> seconds of all hours for which its use is known."""
    with site.owner.connect() as database:
        found = database.execute(text("SELECT service_type, sum(sampled_seconds)::bigint FROM usage_coverage GROUP BY service_type"))
        return {service: int(seconds) for service, seconds in found}


def test_a_service_that_is_silent_for_an_hour_keeps_values_and_time_its_alert_fires_and_the_hour_stays_unknown(site: Site, tmp_path: Path):
    """Cinder answers with 500 from an hour ago until now; the others are read before and after, and again and again."""
    promtool.prometheus()
    clock = Clock(tmp_path / "clock")
    moved = clock.environment
    with Session(site.owner) as session:
        session.add(Administration(code="min-sante", name="Ministère de la Santé", domain_id="d"))
        session.commit()

    clock.set("-1h")
    began = time.time()
    with (
        country.served(country.SMALL) as (port, _),
        country.collecting(site, country.clouds_yaml(port, tmp_path), tmp_path, 0.5, environment=moved),
    ):
        eventually(lambda: site.facts().sources.keys() == SOURCES, "every source is read")
        with watched(site, tmp_path, patient=False) as (prometheus, _):
            prometheus.until(lambda: len(figures(prometheus)) == 5 * 17, "five projects with seventeen figures each")
            before = figures(prometheus)
            country.change(port, "break/500/volume")
            eventually(lambda: failed(site) == {"block-storage"}, "Cinder failed")
            stands_at = site.facts().sources["block-storage"].timestamp()

            clock.set("+0")
            prometheus.until(lambda: silent(prometheus) == {"block-storage"}, "the alert of Cinder, and of no other source")
            assert time.time() - stands_at >= 3600
            assert abs(times(prometheus)["block-storage"] - stands_at) < 0.001
            assert min(at for name, at in times(prometheus).items() if name in SOURCES - {"block-storage"}) >= began
            assert figures(prometheus) == before

            country.change(port, "break/well/volume")
            prometheus.until(lambda: not silent(prometheus), "Cinder is current again")
            assert times(prometheus)["block-storage"] >= began
            assert figures(prometheus) == before
            again = seen(site)
            eventually(lambda: all(seen(site).get(name, 0) > again.get(name, 0) for name in SOURCES - {"keystone"}), "use is recorded again")
            assert max(seen(site).values()) <= time.time() - began + 2  # before and after, in whole seconds
