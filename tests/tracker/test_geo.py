from ipaddress import ip_address

import pytest

from tests.support.mmdb import database
from tracker.geo import EmbeddedCountries, GeoError, countries


def packed(*texts: str) -> list[bytes]:
    return [ip_address(text).packed for text in texts]


def test_the_table_that_comes_along_knows_both_families():
    found = countries(None).of(packed("8.8.8.8", "193.0.6.139", "2001:4860:4860::8888"))
    assert found == ["US", "NL", "US"]


def test_an_address_of_nowhere_is_of_no_country():
    assert countries(None).of(packed("127.0.0.1", "10.0.0.1", "::1", "fe80::1")) == ["ZZ"] * 4


def test_the_first_half_of_an_address_is_enough():
    assert EmbeddedCountries().of([packed("2001:4860:4860::8888")[0][:8]]) == ["US"]


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ({"country": {"iso_code": "FR"}, "registered_country": {"iso_code": "DE"}}, "FR"),
        ({"registered_country": {"iso_code": "DE"}}, "DE"),
        ({"country_code": "br"}, "BR"),
        ({"country": "IN"}, "IN"),
        ({"country": {"iso_code": "FRA"}}, "ZZ"),
        ({"country": {"iso_code": 7}}, "ZZ"),
        ({"country": "<b"}, "ZZ"),
        ({"city": "Paris"}, "ZZ"),
        ("FR", "ZZ"),
    ],
)
def test_an_operators_database_is_read_in_the_forms_there_are(tmp_path, record, code):
    path = tmp_path / "countries.mmdb"
    path.write_bytes(database({"81.2.69.0/24": record, "2a02:c7::/32": record}))

    found = countries(path).of([*packed("81.2.69.142", "81.2.70.1"), packed("2a02:c7::1")[0][:8]])

    assert found == [code, "ZZ", code]


def test_a_database_without_ipv6_knows_no_country_of_it(tmp_path):
    path = tmp_path / "v4.mmdb"
    path.write_bytes(database({"81.2.69.0/24": {"country": "GB"}}, version=4))

    assert countries(path).of(packed("81.2.69.1", "2a02:c7::1")) == ["GB", "ZZ"]


@pytest.mark.parametrize("content", [None, b"", b"no database at all"])
def test_a_database_that_cannot_be_used_is_named(tmp_path, content):
    path = tmp_path / "countries.mmdb"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(GeoError, match=r"countries\.mmdb"):
        countries(path)
