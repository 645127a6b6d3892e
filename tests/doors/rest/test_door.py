import json

import pytest
from starlette.routing import Match

from accounts.model import Scope
from accounts.rights import USER_RIGHTS, Right
from doors.rest.door import CSRF, operations, routes
from tests.doors.rest.client import PASSWORD, RestClient

LIMITS = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")
OF_ALL = {Right.READ, Right.DOWNLOAD}


@pytest.fixture
def limited(tmp_path):
    made = RestClient(tmp_path, rates={"rest": "60/minute", "rest_anonymous": "20/minute"})
    yield made
    made.close()


def left(answer):
    return [int(answer.headers[name]) for name in LIMITS]


def test_the_first_answer_without_an_account_has_nineteen_of_twenty_left(limited):
    answer = limited.ask("GET", "/torrents")
    assert answer.status_code == 200
    assert left(answer) == [20, 19, 1_700_000_060]


def test_the_first_answer_with_a_token_has_fifty_nine_of_sixty_left(limited):
    assert left(limited.ask("GET", "/torrents", "user")) == [60, 59, 1_700_000_060]
    assert left(limited.ask("GET", "/user", "user")) == [60, 58, 1_700_000_060]
    assert left(limited.ask("GET", "/user", "other")) == [60, 59, 1_700_000_060]


def test_beyond_the_limit_the_answer_is_429_until_the_window_ends(limited):
    for _ in range(20):
        assert limited.ask("GET", "/torrents").status_code == 200
    limited.now += 13
    answer = limited.ask("GET", "/torrents")
    assert answer.status_code == 429
    assert left(answer) == [20, 0, 1_700_000_060]
    assert answer.headers["retry-after"] == "47"
    assert answer.json()["error"]["code"] == "RATE_LIMITED"
    assert limited.ask("GET", "/nowhere").status_code == 429
    assert limited.ask("GET", "/torrents", "user").status_code == 200
    limited.now += 47
    assert left(limited.ask("GET", "/torrents")) == [20, 19, 1_700_000_120]


def test_guesses_of_tokens_count_for_their_address(limited):
    for _ in range(20):
        limited.refused(401, "GET", "/user", headers={"Authorization": "Bearer nonsense"})
    limited.refused(429, "GET", "/user", headers={"Authorization": "Bearer nonsense"})


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/torrents", 200),
        ("GET", "/nowhere", 404),
        ("GET", "/torrents/1", 404),
        ("GET", "/v2/torrents", 404),
        ("GET", "/torrents/", 404),
        ("DELETE", "/torrents", 405),
        ("OPTIONS", "/torrents", 405),
        ("GET", "/user", 401),
        ("GET", "/torrents?page=0", 422),
        ("POST", "/login", 400),
        ("GET", "/openapi.json", 200),
        ("GET", "/docs", 200),
        ("HEAD", "/torrents", 200),
    ],
)
def test_every_response_has_the_rate_limit_and_may_not_be_stored(api, method, path, status):
    answer = api.ask(method, path)
    assert answer.status_code == status
    assert all(name in answer.headers for name in LIMITS)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_what_breaks_is_500_in_the_envelope(api, monkeypatch):
    async def broken(*_, **__):
        raise RuntimeError("a secret")

    monkeypatch.setattr(api.services.catalogue.categories, "all", broken)
    answer = api.ask("GET", "/categories")
    assert answer.status_code == 500
    assert answer.json() == {
        "success": False,
        "error": {"code": "SERVER_ERROR", "message": "Something went wrong here; it was logged."},
    }
    assert all(name in answer.headers for name in LIMITS)


def test_a_method_that_a_path_does_not_take_is_refused_with_those_it_takes(api):
    answer = api.ask("PUT", "/torrents")
    assert answer.headers["allow"] == "GET, HEAD, POST"
    assert answer.json()["error"]["code"] == "METHOD_NOT_ALLOWED"


def test_the_version_may_stand_in_the_path(api):
    assert api.done("GET", "/v1/torrents") == api.done("GET", "/torrents")
    api.refused(404, "GET", "/v1/nowhere")
    api.refused(404, "GET", "/v1/v1/torrents")
    api.refused(405, "PUT", "/v1/torrents")
    api.upload()
    assert api.done("GET", "/v1/torrents/1")["id"] == 1


@pytest.mark.parametrize("path", ["/api/", "/api/index.php", "/api/torrage.wsdl"])
def test_what_is_the_soap_service_s_is_not_taken(api, path):
    scope = {"type": "http", "method": "POST", "path": path, "headers": []}
    assert {route.matches(scope)[0] for route in routes(api.services)} == {Match.NONE}


def test_a_credential_that_is_sent_must_be_good(api):
    foreign = api.run(api.services.accounts.mint(api.user("user").id, Scope.FEED))[1]
    for credential in ("Bearer x", "Bearer", "Basic dTpw", "", f"Bearer {foreign}", "Bearer " + "a" * 5000):
        answer = api.ask("GET", "/torrents", headers={"Authorization": credential})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_key_that_is_limited_to_operations_does_no_others(api):
    number = api.user("admin").id
    _, secret = api.run(
        api.services.accounts.mint(number, Scope.REST, methods=frozenset({"listTorrents", "logOut"}))
    )
    proof = {"Authorization": f"Bearer {secret}"}
    api.done("GET", "/torrents", headers=proof)
    assert api.refused(403, "GET", "/torrents/1", headers=proof)["code"] == "FORBIDDEN"
    api.refused(403, "GET", "/log", headers=proof)
    api.done("POST", "/logout", status=204, headers=proof)


def test_an_account_that_is_disabled_is_out(api):
    token = api.token("user")
    api.run(api.services.accounts.set_enabled(api.user("user").id, enabled=False))
    error = api.refused(403, "GET", "/user", headers={"Authorization": f"Bearer {token}"})
    assert error["code"] == "FORBIDDEN"


def session(api, name):
    value, _ = api.run(api.services.accounts.open_session(api.user(name).id))
    return {"Cookie": f"session={value}"}


def test_a_session_reads_as_its_account_and_changes_with_its_csrf_token_alone(api):
    cookie = session(api, "moderator")
    news = {"title": "News", "body": "Text"}
    assert api.done("GET", "/user", headers=cookie)["username"] == "moderator"
    api.refused(403, "POST", "/news", headers=cookie, json=news)
    api.refused(403, "POST", "/news", headers={**cookie, CSRF: "wrong"}, json=news)
    token = api.done("GET", "/csrf", headers=cookie)["token"]
    api.done("POST", "/news", status=201, headers={**cookie, CSRF: token}, json=news)


def test_a_session_is_ended_by_logging_out(api):
    cookie = session(api, "user")
    token = api.done("GET", "/csrf", headers=cookie)["token"]
    answer = api.ask("POST", "/logout", headers={**cookie, CSRF: token})
    assert answer.status_code == 204
    assert answer.headers["set-cookie"].startswith("session=")
    api.refused(401, "GET", "/user", headers=cookie)


def test_a_key_needs_no_csrf_token(api):
    assert api.refused(400, "GET", "/csrf", "user")["code"] == "BAD_REQUEST"


def test_logging_in_gives_a_token_and_logging_out_revokes_it(api):
    api.user("user")
    given = api.done("POST", "/login", json={"username": "user", "password": PASSWORD})
    assert set(given) == {"token", "token_type", "expires_at", "user"}
    assert given["token_type"] == "Bearer"
    assert given["user"] == {"id": api.user("user").id, "username": "user"}
    assert given["expires_at"] == "2023-11-15T22:13:20Z"
    proof = {"Authorization": f"Bearer {given['token']}"}
    assert api.done("GET", "/user", headers=proof)["username"] == "user"
    api.done("POST", "/logout", status=204, headers=proof)
    assert api.refused(401, "GET", "/user", headers=proof)["code"] == "UNAUTHENTICATED"


def test_a_token_of_a_login_expires(api):
    api.user("user")
    given = api.done("POST", "/login", json={"username": "user", "password": PASSWORD})
    api.now += 86_401
    api.refused(401, "GET", "/user", headers={"Authorization": f"Bearer {given['token']}"})


def test_a_wrong_login_is_401_whatever_is_wrong(api):
    api.user("user")
    wrong = api.refused(401, "POST", "/login", json={"username": "user", "password": "wrong password"})
    unknown = api.refused(401, "POST", "/login", json={"username": "nobody", "password": PASSWORD})
    assert wrong == unknown
    assert wrong["code"] == "UNAUTHENTICATED"


def test_a_login_without_its_fields_is_refused_with_their_names(api):
    error = api.refused(422, "POST", "/login", json={})
    assert error == {
        "code": "VALIDATION_ERROR",
        "message": "Validation failed",
        "details": {
            "username": ["The username field is required."],
            "password": ["The password field is required."],
        },
    }


def test_logging_in_often_never_locks_an_account_out(tmp_path):
    api = RestClient(tmp_path, keys_per_user=2)
    api.user("user")
    for _ in range(5):
        assert api.done("POST", "/login", json={"username": "user", "password": PASSWORD})["token"]
        api.now += 60
    api.close()


@pytest.mark.parametrize("value", [1, True, None, [], {}, "\ud800", "a" * 5000])
def test_a_login_with_other_types_is_refused(api, value):
    for name in ("username", "password"):
        body = {"username": "user", "password": PASSWORD} | {name: value}
        content = json.dumps(body).encode()
        error = api.refused(
            422, "POST", "/login", content=content, headers={"Content-Type": "application/json"}
        )
        assert list(error["details"]) == [name]


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b'{"username": "u", "password": "p"}', "text/plain"),
        (b'{"username": "u", "password": "p"}', "application/x-www-form-urlencoded"),
        (b"username=u&password=p", "application/json"),
        (b'{"username": "u", "username": "v", "password": "p"}', "application/json"),
        (b"[" * 60_000, "application/json"),
        (b"", "application/json"),
        (b"\xff", "application/json"),
    ],
)
def test_a_body_that_is_no_json_object_is_400(api, content, content_type):
    error = api.refused(400, "POST", "/login", content=content, headers={"Content-Type": content_type})
    assert error["code"] == "BAD_REQUEST"
    assert "details" not in error


def test_a_body_that_is_too_large_is_413(api):
    content = b'{"username": "' + b"a" * (10 << 20) + b'"}'
    headers = {"Content-Type": "application/json"}
    answer = api.ask("POST", "/login", content=content, headers=headers)
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "TOO_LARGE"


def test_every_operation_answers_who_may_not_with_401_or_403_before_it_reads(api):
    for operation in operations(api.services):
        path = operation.path
        for name in operation.parameters:
            path = path.replace(f"{{{name}}}", "1")
        needed = operation.right
        closed = operation.account or (needed is not None and needed not in OF_ALL)
        if closed:
            api.refused(401, operation.method, path, content=b"{nonsense")
        if needed is not None and needed not in USER_RIGHTS:
            api.refused(403, operation.method, path, "user", content=b"{nonsense")


def test_every_operation_refuses_parameters_that_it_does_not_know(api):
    for operation in operations(api.services):
        if operation.body is not None:
            continue
        path = operation.path
        for name in operation.parameters:
            path = path.replace(f"{{{name}}}", "1")
        error = api.refused(422, operation.method, path, "admin", params={"nonsense": "1"})
        assert list(error["details"]) == ["nonsense"], operation.name


def test_every_json_operation_names_the_fields_that_it_misses_or_does_not_know(api):
    for operation in operations(api.services):
        if operation.body is None or operation.form:
            continue
        path = operation.path
        for name in operation.parameters:
            path = path.replace(f"{{{name}}}", "1")
        who = "admin" if operation.identified else None
        error = api.refused(422, operation.method, path, who, json={"nonsense": 1})
        assert set(error["details"]) == {"nonsense", *operation.required}, operation.name


def test_ids_beyond_64_bits_and_what_is_no_id_are_not_found(api):
    for operation in operations(api.services):
        if not operation.parameters or operation.body is not None:
            continue
        for value in ("9223372036854775808", "0", "-1", "1' OR 1=1", "%00", "%E2%80%AE", "a" * 3000):
            path = operation.path
            for name in operation.parameters:
                path = path.replace(f"{{{name}}}", value)
            api.refused(404, operation.method, path, "admin")
