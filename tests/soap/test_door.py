import base64
import gzip
import re

import httpx
import pytest
from lxml import etree

from tests.support.cache_server import serving
from tests.support.torrents import names, torrent

LIMIT = 10 << 20
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
PATHS = ("/api/index.php", "/api/", "/api/torrage.wsdl")


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("soap"), limit=LIMIT) as running:
        yield running


def envelope(body, ns=SOAP):
    return f'<?xml version="1.0" encoding="UTF-8"?><S:Envelope xmlns:S="{ns}"><S:Body>{body}</S:Body></S:Envelope>'


def call_of(packed):
    return envelope(
        f'<n:cacheTorrent xmlns:n="urn:xmethods-delayed-quotes"><torrent>{packed}</torrent></n:cacheTorrent>'
    )


def packed(data):
    return base64.b64encode(data).decode()


def post(service, content, path="/api/index.php", **headers):
    headers = {"content-type": "text/xml; charset=utf-8", **headers}
    return httpx.post(service.url + path, content=content, headers=headers, timeout=30)


def result(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    root = etree.fromstring(answer.content)
    (response,) = root.find(f"{{{SOAP}}}Body")
    assert response.tag == "{urn:xmethods-delayed-quotes}cacheTorrentResponse"
    (part,) = response
    assert part.tag == "Result"
    assert part.get("{http://www.w3.org/2001/XMLSchema-instance}type") == "xsd:string"
    assert part.nsmap["xsd"] == "http://www.w3.org/2001/XMLSchema"
    return part.text


def fault(answer):
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    (found,) = etree.fromstring(answer.content).iter(f"{{{SOAP}}}Fault")
    assert found.findtext("faultcode").endswith(":Client")
    return found.findtext("faultstring")


@pytest.mark.parametrize("path", PATHS)
def test_a_call_answers_the_hash(service, path):
    data = torrent(f"by way {PATHS.index(path)}")
    assert result(post(service, call_of(packed(data)), path)) == names(data)[0]
    assert httpx.get(f"{service.url}/torrent/{names(data)[0]}.torrent").content == data


def test_lines_of_base64_are_joined(service):
    data = torrent("in lines", extra=b"x" * 1000)
    lines = base64.encodebytes(data).decode()
    assert result(post(service, call_of(lines))) == names(data)[0]
    assert result(post(service, call_of(lines.replace("\n", "&#13;\n")))) == names(data)[0]


def test_a_packed_torrent_is_unpacked(service):
    data = torrent("packed")
    assert result(post(service, call_of(packed(gzip.compress(data))))) == names(data)[0]


def test_a_torrent_of_the_largest_size_passes_in_lines(service):
    data = torrent("large", extra=b"x" * (LIMIT - 1000))
    assert len(data) <= LIMIT
    content = call_of(base64.encodebytes(data).decode().replace("\n", "&#13;\n"))
    assert result(post(service, content)) == names(data)[0]


def typed(data):
    return envelope(
        '<n:cacheTorrent xmlns:n="urn:xmethods-delayed-quotes" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"'
        ' xmlns:x="http://www.w3.org/2001/XMLSchema" S:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">'
        f'<torrent i:type="x:base64Binary">{packed(data)}</torrent></n:cacheTorrent>'
    )


@pytest.mark.parametrize(
    "content",
    [
        typed(torrent("spelled")),
        envelope(f"<cacheTorrent><torrent>{packed(torrent('spelled'))}</torrent></cacheTorrent>"),
        envelope(f"<cacheTorrent><torrent><![CDATA[{packed(torrent('spelled'))}]]></torrent></cacheTorrent>"),
        call_of(packed(torrent("spelled")).replace("A", "A<!-- x -->", 1)),
    ],
)
def test_other_forms_of_a_call(service, content):
    assert result(post(service, content)) == names(torrent("spelled"))[0]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (call_of(""), "411"),
        (call_of(" \n "), "411"),
        (call_of("<a>x</a>"), "411"),
        (envelope("<cacheTorrent/>"), "411"),
        (envelope("<cacheTorrent>text</cacheTorrent>"), "411"),
        (
            envelope(
                '<cacheTorrent><torrent xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/>'
                "</cacheTorrent>"
            ),
            "411",
        ),
        ("", "411"),
        (call_of("not base64!"), "400"),
        (call_of("AAA"), "400"),
        (call_of("é世"), "400"),
        (call_of(packed(b"junk")), "400"),
        (call_of(packed(b"d4:infodee")), "422"),
        (call_of(packed(bytes(LIMIT + 1))), "413"),
        ("x" * 16 * (1 << 20), "413"),
    ],
)
def test_a_failure_is_three_digits_as_the_result(service, content, code):
    assert result(post(service, content)) == code


@pytest.mark.parametrize(
    "content",
    [
        "junk",
        "<a>",
        "<a></b>",
        envelope(""),
        envelope("text"),
        envelope("<S:Fault/>"),
        envelope("<otherCall><torrent>x</torrent></otherCall>"),
        envelope("<cacheTorrent/><cacheTorrent/>"),
        envelope("<cacheTorrent/>", "http://www.w3.org/2003/05/soap-envelope"),
        f'<S:Envelope xmlns:S="{SOAP}"/>',
        f'<S:Envelope xmlns:S="{SOAP}"><S:Header/></S:Envelope>',
        "<!DOCTYPE a><a/>",
        '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>' + call_of("&b;").partition("?>")[2],
        "<a>" * 100_000,
        call_of("&undefined;"),
        call_of("x").encode("utf-16"),
        b"\x00" * 100,
        b"\xff" * 100,
    ],
)
def test_anything_but_a_call_gets_a_fault(service, content):
    assert fault(post(service, content)).startswith("The SOAP request cannot be read.")


def test_a_fault_names_the_unknown_operation(service):
    assert "otherCall" in fault(post(service, envelope("<otherCall/>")))


@pytest.mark.parametrize("path", ["/api/torrage.wsdl", "/api/index.php?wsdl", "/api/index.php?WSDL"])
def test_the_wsdl_names_the_requested_host(service, path):
    answer = httpx.get(service.url + path)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    root = etree.fromstring(answer.content)
    assert root.get("targetNamespace") == "urn:Torrage"
    (address,) = root.iter("{http://schemas.xmlsoap.org/wsdl/soap/}address")
    assert address.get("location") == f"{service.url}/api/index.php"


@pytest.mark.parametrize("host", ['x"/><evil', "a b", "a&b", "user@x"])
def test_an_invalid_host_gets_no_wsdl(service, host):
    assert httpx.get(service.url + "/api/torrage.wsdl", headers={"host": host}).status_code == 400


def test_a_public_url_is_the_address_whoever_asks(tmp_path):
    with serving(tmp_path, public_url="https://cache.example/?a=1&b=2") as service:
        answer = httpx.get(service.url + "/api/torrage.wsdl")
        assert "https://cache.example/?a=1&amp;b=2/api/index.php" in answer.text
        assert answer.headers["cache-control"] == "public, max-age=3600"


def test_the_endpoint_takes_calls_only(service):
    answer = httpx.get(service.url + "/api/index.php")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert httpx.put(service.url + "/api/torrage.wsdl").status_code == 405


def test_a_page_of_another_site_cannot_call(service):
    assert result(post(service, call_of(packed(torrent())), origin="http://evil.example")) == "403"


def test_calls_share_the_rate_of_uploads(tmp_path):
    with serving(tmp_path, rate="2/hour") as service:
        files = {"torrent": ("x", torrent())}
        assert len(httpx.post(service.url + "/autoupload.php", files=files).text) == 41
        assert result(post(service, call_of(packed(torrent())))) == names(torrent())[0]
        assert result(post(service, call_of(packed(torrent())))) == "429"
        assert service.uploads.uploads.accepted == 2
        assert service.uploads.counters.refusals == {"rate-limited": 1}


def test_nothing_of_a_request_is_logged(service, caplog):
    with caplog.at_level(0):
        post(service, "<a>secret-in-the-body")
        post(service, envelope("<secret-in-the-body/>"))
    assert "secret-in-the-body" not in caplog.text


def test_answers_are_clean_of_what_was_sent(service):
    text = fault(post(service, envelope(f"<{'x' * 5000}/>")))
    assert len(text) < 300
    assert re.fullmatch(r"[\x20-\x7e]+", text)
