import json
import re
import stat

import pytest

from tests.support.clients import ask

PASSWORD, OTHER = "a good password", "quite another one"
LINE = re.compile(
    r'"authentication (accepted|failed): address=(\S+) account=(\S+) way=(\S+) outcome=([a-z-]+)"'
)


@pytest.fixture
def service(start_peerage):
    service = start_peerage()
    for name in ("ada", "root"):
        role = ["--admin"] if name == "root" else []
        done = service.run("user", "add", name, *role, "--password-stdin", given=PASSWORD + "\n")
        assert done.returncode == 0, done.stderr
    return service


def send(service, method, path, body=None, token=None):
    """One request with a JSON body."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    data = json.dumps(body).encode() if body is not None else b""
    return ask(service.port, path, method, data, Content_Type="application/json", **headers)


def log_in(service, name="ada", password=PASSWORD):
    answer = send(service, "POST", "/api/login", {"username": name, "password": password})
    assert answer.status == 200, answer.body
    given = json.loads(answer.body)["data"]
    return given["token"], given["user"]["id"]


def cookie_of(service, name="ada", password=PASSWORD):
    """A session of the pages, as the header `Cookie`."""
    body = f"name={name}&password={password.replace(' ', '+')}".encode()
    answer = ask(service.port, "/login", "POST", body, Content_Type="application/x-www-form-urlencoded")
    assert answer.status == 303
    return answer.headers["set-cookie"].partition(";")[0]


def is_known(service, token):
    return send(service, "GET", "/api/user", token=token).status == 200


def has_session(service, cookie):
    return ask(service.port, "/account", Cookie=cookie).status == 200


def by_own(service, user, token):
    send(
        service,
        "PUT",
        f"/api/users/{user}/password",
        {"password": OTHER, "current_password": PASSWORD},
        token,
    )


def by_admin(service, user, _):
    admin, _ = log_in(service, "root")
    send(service, "PUT", f"/api/users/{user}/password", {"password": OTHER}, admin)


def by_link(service, _user, _token):
    link = service.run("user", "link", "ada").stdout.split()[-1]
    body = f"password={OTHER}&again={OTHER}".replace(" ", "+").encode()
    ask(
        service.port, "/welcome/" + link.rpartition("/")[2], "POST", body,
        Content_Type="application/x-www-form-urlencoded",
    )  # fmt: skip


@pytest.mark.parametrize("change", [by_own, by_admin, by_link])
def test_a_new_password_ends_sessions_and_logins_of_programs_and_no_key(service, change):
    (token, user), (second, _), cookie = log_in(service), log_in(service), cookie_of(service)
    key = service.run("key", "add", "ada", "--scope", "rest").stdout.split()[-1]
    assert is_known(service, token)
    assert is_known(service, key)
    assert has_session(service, cookie)
    change(service, user, token)
    log_in(service, password=OTHER)
    assert not is_known(service, token)
    assert not is_known(service, second)
    assert not has_session(service, cookie)
    assert is_known(service, key)


def test_every_login_is_a_line_that_names_address_account_way_and_outcome(service):
    log_in(service)
    cookie_of(service)
    send(service, "POST", "/api/login", {"username": "ada", "password": "guess one"})
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    ask(service.port, "/login", "POST", b"name=a+b%0A%22c&password=x", **form)
    ask(service.port, "/login.php", "POST", b"username=ada&password=guess+two", **form)
    ask(service.port, "/torrent/info/" + "a" * 40 + "?key=" + "0" * 32)
    send(service, "GET", "/api/user", token="pg_rest_" + "x" * 43)
    lines = [found.groups() for found in LINE.finditer(service.output)]
    assert lines == [
        ("accepted", "127.0.0.1", "ada", "api", "ok"),
        ("accepted", "127.0.0.1", "ada", "page", "ok"),
        ("failed", "127.0.0.1", "ada", "api", "bad-credentials"),
        ("failed", "127.0.0.1", "a%20b%0A%22c", "page", "bad-credentials"),
        ("failed", "127.0.0.1", "ada", "gazelle", "bad-credentials"),
        ("failed", "127.0.0.1", "-", "torrent_api", "bad-token"),
        ("failed", "127.0.0.1", "-", "rest", "bad-token"),
    ]
    shown = service.run("user", "log", "ada").stdout
    assert shown.count("\n") == 4
    assert "bad-credentials" in shown


def test_an_account_sees_its_sessions_and_ends_one_or_all(service):
    first, second = cookie_of(service), cookie_of(service)
    token, _ = log_in(service)
    listed = json.loads(send(service, "GET", "/api/sessions", token=token).body)["data"]
    assert [each["address"] for each in listed] == ["127.0.0.1", "127.0.0.1"]
    assert "127.0.0.1" in ask(service.port, "/account", Cookie=first).body.decode()
    assert send(service, "DELETE", f"/api/sessions/{listed[0]['id']}", token=token).status == 204
    assert not has_session(service, first)
    assert has_session(service, second)
    other, _ = log_in(service)
    assert send(service, "DELETE", "/api/sessions", token=token).status == 204
    assert not has_session(service, second)
    assert not is_known(service, other)
    assert is_known(service, token)


def test_the_data_folder_is_closed_to_others(start_peerage):
    service = start_peerage()
    ask(service.port, "/")
    service.stop()
    service.data.chmod(0o755)
    for name in ("peerage.db", "swarms.db"):
        (service.data / name).chmod(0o644)
    service.restart()
    modes = {path: stat.S_IMODE(path.lstat().st_mode) for path in [service.data, *service.data.rglob("*")]}
    assert {path: oct(mode) for path, mode in modes.items() if mode & 0o077} == {}
    assert "closed_to_others" in service.output
    service.stop()
