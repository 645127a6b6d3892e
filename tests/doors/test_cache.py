import bz2
import gzip
import hashlib
import re
import socket

import httpx
import pytest

from bittorrent.infohash import InfoHash
from tests.support.cache_server import serving
from tests.support.torrents import names, torrent

LIMIT = 256 * 1024


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("cache"), limit=LIMIT) as running:
        yield running


@pytest.fixture
def own(tmp_path):
    """Starts a service with settings of the test's own."""

    def start(**settings):
        return serving(tmp_path, **settings)

    return start


def upload(service, data, path="/autoupload.php", headers=None, field="torrent"):
    files = {field: ("my.torrent", data, "application/x-bittorrent")}
    return httpx.post(service.url + path, files=files, headers=headers)


def get(service, path, **headers):
    return httpx.get(service.url + path, headers={n.replace("_", "-"): v for n, v in headers.items()})


def raw(service, infohash, encoding):
    request = f"GET /torrent/{infohash}.torrent HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{encoding}\r\n"
    head, _, body = service.exchange(request.encode()).partition(b"\r\n\r\n")
    return head.decode("latin-1").lower(), body


def test_an_upload_answers_the_hash_and_comes_back_byte_for_byte(service):
    data = torrent("round trip")
    answer = upload(service, data)
    v1, _ = names(data)
    assert answer.status_code == 200
    assert answer.text == f"{v1}\n"
    assert answer.headers["x-torrage-infohash"] == v1
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["expires"] == "Mon, 26 Jul 1997 05:00:00 GMT"
    assert "no-store" in answer.headers["cache-control"]
    assert answer.headers["pragma"] == "no-cache"
    assert get(service, f"/torrent/{v1}.torrent").content == data
    assert upload(service, data).text == f"{v1}\n"


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_packed_uploads_are_unpacked(service, pack):
    data = torrent(f"packed by {pack.__module__}")
    assert upload(service, pack(data)).text == f"{names(data)[0]}\n"
    assert get(service, f"/torrent/{names(data)[0]}").content == data


def nested(depth):
    return b"l" * depth + b"e" * depth


@pytest.mark.parametrize(
    ("data", "number"),
    [
        (b"", 411),
        (b"junk", 400),
        (torrent()[:-5], 400),
        (torrent() + b"x", 400),
        (nested(100_000), 400),
        (b"d4:infod4:name1:a4:name1:beee"[:-1], 422),
        (b"d4:infodee", 422),
        (b"d4:infode4:infodee", 422),
        (b"di1e1:ae", 400),
        (b"le", 422),
        (torrent(extra=b"x" * LIMIT), 413),
        (gzip.compress(bytes(LIMIT + 1)), 413),
        (gzip.compress(torrent())[:-9], 400),
        (bytes(10 * LIMIT), 413),
        (bytes(50 << 20), 413),
    ],
)
def test_a_refused_upload_answers_200_with_its_status_in_the_body(service, data, number):
    answer = upload(service, data)
    assert answer.status_code == 200
    body = answer.text
    assert body.startswith(f"Error {number}: ")
    assert body.endswith("\n")
    assert body == f"Error {number}: {answer.headers['x-torrage-error-msg']}\n"
    assert "x-torrage-infohash" not in answer.headers


@pytest.mark.parametrize(
    ("content", "content_type", "number"),
    [
        (b"torrent=x", "application/x-www-form-urlencoded", 400),
        (b"x", "multipart/form-data", 400),
        (b"x", "multipart/form-data; boundary=B", 400),
        (b"--B\r\n\r\nx\r\n--B--\r\n", "multipart/form-data; boundary=B", 400),
        (b"--B--\r\n", "multipart/form-data; boundary=B", 411),
        (b"", "multipart/form-data; boundary=B", 411),
        (b"x", "multipart/form-data; boundary=" + "B" * 2000, 400),
        (
            b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\ncut off',
            "multipart/form-data; boundary=B",
            400,
        ),
        (b"\r\nno boundary", "multipart/form-data; boundary=B", 400),
    ],
)
def test_anything_but_a_form_is_refused_in_the_same_format(service, content, content_type, number):
    headers = {"content-type": content_type}
    answer = httpx.post(service.url + "/autoupload.php", content=content, headers=headers)
    assert answer.status_code == 200
    assert answer.text.startswith(f"Error {number}: ")


def test_no_content_type_is_no_form(service):
    assert httpx.post(service.url + "/autoupload.php").text.startswith("Error 400: ")


def test_the_part_must_be_a_file_named_torrent(service):
    assert upload(service, torrent(), field="file").text.startswith("Error 411: ")
    text = httpx.post(service.url + "/autoupload.php", files={"torrent": (None, "text")})
    assert text.text.startswith("Error 411: ")


def test_other_parts_are_ignored_and_too_many_refused(service):
    data = torrent("among others")
    files = [("a", ("a", b"x")), ("torrent", ("first", data)), ("torrent", ("second", b"junk"))]
    fields = {"comment": "x"}
    assert httpx.post(service.url + "/autoupload.php", files=files, data=fields).text == f"{names(data)[0]}\n"
    many = [("x", (str(n), b"")) for n in range(100)]
    assert httpx.post(service.url + "/autoupload.php", files=many).text.startswith("Error 400: ")


def test_a_blocked_torrent_is_deleted_and_says_why(service):
    data = torrent("blocked")
    upload(service, data)
    infohash = names(data)[0]
    service.run(service.takedowns.block(InfoHash.parse(infohash), "asked by its author", "op"))
    answer = upload(service, data)
    assert answer.text == "Error 451: Deleted torrent: asked by its author\n"
    assert answer.headers["x-torrage-error-msg"] == "Deleted torrent: asked by its author"
    assert get(service, f"/torrent/{infohash}.torrent").status_code == 404


def test_uploads_have_a_rate_for_each_address(own):
    with own(rate="2/hour") as service:
        assert upload(service, torrent()).text.startswith(names(torrent())[0])
        assert upload(service, b"junk").text.startswith("Error 400")
        assert upload(service, torrent()).text.startswith("Error 429: ")
        assert upload(service, torrent(), "/upload.php").status_code == 429


def test_a_full_cache_refuses_new_torrents_and_serves_what_it_holds(own):
    with own(max_files=1) as service:
        upload(service, torrent("first"))
        assert upload(service, torrent("second")).text.startswith("Error 507: ")
        assert upload(service, torrent("first")).text == f"{names(torrent('first'))[0]}\n"


@pytest.mark.parametrize(
    "headers", [{"sec-fetch-site": "cross-site"}, {"origin": "http://evil.example"}, {"origin": "null"}]
)
def test_a_page_of_another_site_cannot_upload(service, headers):
    assert upload(service, torrent(), headers=headers).text.startswith("Error 403: ")
    assert upload(service, torrent(), "/upload.php", headers).status_code == 403


def test_our_own_page_can_upload(service):
    headers = {"origin": service.url, "sec-fetch-site": "same-origin"}
    answer = upload(service, torrent("<b>by hand"), "/upload.php", headers)
    assert answer.status_code == 200
    assert "&lt;b&gt;by hand" in answer.text
    infohash = names(torrent("<b>by hand"))[0]
    assert f'href="torrent/{infohash}.torrent"' in answer.text
    assert answer.headers["x-torrage-infohash"] == infohash


def test_the_form_answers_with_the_status_and_reason(service):
    answer = upload(service, b"junk", "/upload.php")
    assert answer.status_code == 400
    assert "not bencoded" in answer.text


@pytest.mark.parametrize("path", ["/upload.php", "/torrent/" + "0" * 40])
def test_pages_run_and_load_only_their_own_files(service, path):
    answer = get(service, path)
    assert (
        "default-src 'none'; script-src 'self'; style-src 'self'" in answer.headers["content-security-policy"]
    )
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert (
        len(re.findall(r'<script src="/static/script\.[0-9a-f]{12}\.js" defer></script>', answer.text)) == 1
    )
    assert answer.text.count("<script") == 1
    assert "style=" not in answer.text
    assert get(service, re.search(r'href="(/[^"]+\.css)"', answer.text)[1]).status_code == 200


def test_robots_stay_out_of_the_torrents(service):
    assert get(service, "/robots.txt").text == (
        "User-agent: *\nDisallow: /torrent/\nDisallow: /search\nDisallow: /torznab/\n"
        f"Sitemap: {service.url}/sitemap.xml\n"
    )


@pytest.fixture(scope="module")
def held(service):
    data = torrent("kept é 世界.txt")
    upload(service, data)
    return names(data)[0], data


@pytest.mark.parametrize(
    "suffix", ["", ".torrent", ".torrent?title=x", ".torrent.torrent", "/and/more", "%00"]
)
def test_whatever_follows_the_hash_is_ignored(service, held, suffix):
    infohash, data = held
    assert get(service, f"/torrent/{infohash}{suffix}").content == data


def test_a_client_that_accepts_gzip_gets_the_stored_file(service, held):
    infohash, data = held
    head, body = raw(service, infohash, "Accept-Encoding: gzip\r\n")
    assert "content-encoding: gzip" in head
    assert gzip.decompress(body) == data
    assert f"content-length: {len(body)}" in head


@pytest.mark.parametrize("encoding", ["", "Accept-Encoding: br\r\n", "Accept-Encoding: gzip;q=0, *\r\n"])
def test_a_client_that_does_not_gets_it_plain(service, held, encoding):
    infohash, data = held
    head, body = raw(service, infohash, encoding)
    assert "content-encoding" not in head
    assert body == data
    assert "vary: accept-encoding" in head
    assert "content-type: application/x-bittorrent" in head
    assert "cache-control: public, max-age=3600" in head
    assert "x-content-type-options: nosniff" in head


def test_the_file_is_saved_under_the_torrents_name(service, held):
    disposition = get(service, f"/torrent/{held[0]}").headers["content-disposition"]
    assert disposition == (
        'attachment; filename="kept e_ __.txt.torrent"; '
        "filename*=UTF-8''kept%20%C3%A9%20%E4%B8%96%E7%95%8C.txt.torrent"
    )


def test_each_encoding_has_its_tag_and_a_known_tag_is_not_sent_again(service, held):
    path = f"/torrent/{held[0]}.torrent"
    plain = get(service, path, accept_encoding="identity")
    packed = get(service, path, accept_encoding="gzip")
    assert plain.headers["etag"] == f'"{hashlib.sha1(held[1]).hexdigest()}"'
    assert plain.headers["etag"] != packed.headers["etag"]
    for tags in (packed.headers["etag"], "*", f'"x", W/{packed.headers["etag"]}'):
        again = get(service, path, accept_encoding="gzip", if_none_match=tags)
        assert again.status_code == 304
        assert again.content == b""
        assert again.headers["etag"] == packed.headers["etag"]
        assert again.headers["vary"] == "Accept-Encoding"
    assert get(service, path, accept_encoding="gzip", if_none_match=plain.headers["etag"]).status_code == 200


def test_head_answers_the_headers_alone(service, held):
    request = f"HEAD /torrent/{held[0]}.torrent HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    head, _, body = service.exchange(request.encode()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert f"content-length: {len(held[1])}".encode() in head.lower()
    assert body == b""


def test_lower_case_goes_to_the_upper_case_address_when_held(service, held):
    for spelling in (held[0].lower(), held[0].lower().replace("a", "A", 1)):
        if spelling != held[0]:
            answer = get(service, f"/torrent/{spelling}.torrent?title=x")
            assert answer.status_code == 301
            assert answer.headers["location"] == f"/torrent/{held[0]}.torrent"


@pytest.mark.parametrize("rest", ["0" * 40 + ".torrent", "a" * 40, "", "short", "G" * 40, "list/imdb/tt1"])
def test_a_torrent_that_is_not_cached_is_not_found(service, rest):
    answer = get(service, f"/torrent/{rest}")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["cache-control"] == "public, max-age=30"
    assert "upper case" in answer.text


def test_a_miss_echoes_nothing_but_a_hash(service):
    assert "evil" not in get(service, "/torrent/" + "A" * 40 + "<evil>").text


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/torrent/" + "0" * 40, {"GET", "HEAD"}),
        ("DELETE", "/torrent/" + "0" * 40, {"GET", "HEAD"}),
        ("GET", "/autoupload.php", {"POST"}),
    ],
)
def test_other_methods_are_told_which_are_taken(service, method, path, allowed):
    answer = httpx.request(method, service.url + path)
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == allowed


def test_a_hybrid_answers_under_both_of_its_hashes(service):
    data = torrent("hybrid", hybrid=True)
    v1, v2 = names(data)
    assert upload(service, data).text == f"{v1}\n"
    assert get(service, f"/torrent/{v1}.torrent").content == data
    assert get(service, f"/torrent/{v2}.torrent").content == data
    assert get(service, f"/torrent/{v2.lower()}.torrent").headers["location"] == f"/torrent/{v2}.torrent"


def test_redirects_follow_the_public_url(own):
    with own(public_url="https://cache.example/") as service:
        upload(service, torrent())
        location = get(service, f"/torrent/{names(torrent())[0].lower()}").headers["location"]
        assert location == f"https://cache.example/torrent/{names(torrent())[0]}.torrent"
        assert "https://cache.example/api/index.php" in get(service, "/api/torrage.wsdl").text
        headers = {"origin": "https://cache.example"}
        assert upload(service, torrent(), headers=headers).text == f"{names(torrent())[0]}\n"


def test_hits_misses_and_uploads_are_counted(own):
    with own() as service:
        upload(service, torrent())
        upload(service, b"junk")
        get(service, f"/torrent/{names(torrent())[0]}")
        get(service, "/torrent/" + "0" * 40)
        get(service, "/torrent/nothing")
        counters = service.uploads.counters
        assert (counters.hits, counters.misses, service.uploads.uploads.accepted) == (1, 1, 1)
        assert counters.refusals == {"not-bencode": 1}


def head_of(length, *lines):
    fields = "\r\n".join(("Host: x", "Content-Type: multipart/form-data; boundary=B", *lines))
    return f"POST /autoupload.php HTTP/1.1\r\n{fields}\r\nContent-Length: {length}\r\n\r\n".encode()


def test_expect_100_continue_is_refused_before_the_body(service):
    answer = service.exchange(head_of(50 << 20, "Expect: 100-continue"))
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"Error 413" in answer


def test_expect_100_continue_is_answered(service):
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        connection.sendall(head_of(10, "Expect: 100-continue", "Connection: close"))
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        connection.sendall(b"--B--\r\n   ")
        assert b"Error 411" in b"".join(iter(lambda: connection.recv(65536), b""))


def test_an_absurd_length_is_answered_at_once(service):
    answer = service.exchange(head_of(1 << 50))
    assert b"Error 413" in answer
    assert b"connection: close" in answer.lower()


def test_a_body_without_a_length_is_counted(service):
    def chunks():
        for _ in range(40):
            yield bytes(65536)

    headers = {"content-type": "multipart/form-data; boundary=B"}
    answer = httpx.post(service.url + "/autoupload.php", content=chunks(), headers=headers)
    assert answer.text.startswith(("Error 413: ", "Error 400: "))


def test_http_1_0_is_answered(service, held):
    answer = service.exchange(f"GET /torrent/{held[0]}.torrent HTTP/1.0\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(held[1])
    wsdl = service.exchange(b"GET /api/torrage.wsdl HTTP/1.0\r\n\r\n")
    assert f'{service.url}/api/index.php"'.encode() in wsdl
