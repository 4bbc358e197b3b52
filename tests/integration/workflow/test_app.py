"""Connections that read cannot write and outlive a database that was restarted; offers and catalogue are kept until they change, and no longer."""

from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import delete, text
from sqlalchemy.exc import InternalError
from sqlmodel import select

from dcctl.errors import DcctlError
from dcctl.store import CatalogueItem, Offer, now
from dcctl.workflow import app as app_module
from dcctl.workflow.app import App


@pytest.fixture
def ending(postgresql, database):
    """Ends every connection to the database but its own."""
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]

    def end() -> None:
        with postgresql.administration() as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))

    return end


def test_a_session_for_reading_cannot_write(app: App):
    with pytest.raises(InternalError, match="read-only"), app.reading() as session:
        session.execute(delete(CatalogueItem))
    with app.reading() as session:
        assert session.exec(select(CatalogueItem)).first() is not None


def test_connections_that_ended_while_they_rested_are_replaced_before_anybody_notices(app: App, ending, monkeypatch):
    for _ in range(2):
        with app.reading() as session, app.transaction() as other:
            assert (session.scalar(text("SELECT 1")), other.scalar(text("SELECT 1"))) == (1, 1)
        ending()
        monkeypatch.setattr(app_module, "RESTED_SECONDS", 0.0)


def test_a_connection_that_ended_under_the_work_is_an_error_once(app: App, ending):
    with app.reading() as session:
        session.scalar(text("SELECT 1"))
    ending()
    with pytest.raises(DcctlError) as refused, app.reading() as session:
        session.scalar(text("SELECT 1"))
    assert refused.value.code == "DCCTL-501"
    with app.reading() as session:
        assert session.scalar(text("SELECT 1")) == 1


def test_offers_and_catalogue_are_read_once_until_they_change(app: App):
    def read():
        with app.transaction() as session:
            return app.standing.read(session)

    first = read()
    assert read() is first

    with app.transaction() as session:
        session.add(Offer(name="standard", version=2, document={"quota": {"cores": 8}}))
    published = read()
    assert [(offer["name"], offer["version"]) for offer in published.offers] == [("standard", 2)]

    with app.transaction() as session:
        session.get_one(Offer, ("standard", 2)).retired_at = now()
    assert read().offers == []

    with app.transaction() as session:
        item = session.exec(select(CatalogueItem)).first()
        item.seen_at, item.document = now() + timedelta(seconds=1), {"vcpus": 64}
        session.add(item)
        name = item.name
    assert [item["document"] for item in read().items if item["name"] == name] == [{"vcpus": 64}]

    with app.transaction() as session:
        session.execute(delete(CatalogueItem))
    assert read().items == []
