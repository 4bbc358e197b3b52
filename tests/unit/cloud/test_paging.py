"""Each service says in a way of its own where a list goes on."""

import pytest

from dcctl.cloud.paging import next_page

MARKER = [("limit", "2"), ("marker", "3f6c")]


@pytest.mark.parametrize(
    "page",
    [
        {"servers": [], "servers_links": [{"rel": "next", "href": "http://nova/v2.1/servers?limit=2&marker=3f6c"}]},
        {"volume_types": [], "volume_type_links": [{"rel": "next", "href": "http://cinder/v3/types?limit=2&marker=3f6c"}]},
        {"ports": [], "ports_links": [{"rel": "previous", "href": "?marker=0"}, {"rel": "next", "href": "?limit=2&marker=3f6c"}]},
        {"users": [], "links": {"self": "http://keystone/v3/users", "previous": None, "next": "http://keystone/v3/users?limit=2&marker=3f6c"}},
        {"images": [], "next": "/v2/images?limit=2&marker=3f6c", "first": "/v2/images", "schema": "/v2/schemas/images"},
    ],
    ids=["nova", "cinder's types", "neutron", "keystone", "glance"],
)
def test_the_next_page_is_asked_for_by_the_query_that_the_service_wrote(page):
    assert next_page(page) == MARKER


@pytest.mark.parametrize(
    "page",
    [
        {"servers": []},
        {"ports": [], "ports_links": [{"rel": "previous", "href": "?marker=0"}]},
        {"users": [], "links": {"next": None}},
        {"flavors": [], "flavors_links": [{"rel": "next", "href": "http://nova/v2.1/flavors"}]},
        {"servers": [], "servers_links": [{"rel": "next", "href": None}]},
    ],
    ids=["nothing said", "only back", "none", "no query: the first page again", "no address"],
)
def test_a_last_page_has_none(page):
    assert next_page(page) is None
