import pytest

from tests.doors.rest.client import PASSWORD, RestClient
from tests.support.mail_servers import SETTINGS, client, deliver, mail_server


@pytest.fixture
def api(tmp_path):
    api = RestClient(tmp_path, mail=SETTINGS)
    serving = mail_server()
    api.box = api.run(serving.__aenter__())
    api.services.lost_passwords.server = client(api.box)
    yield api
    api.run(serving.__aexit__(None, None, None))
    api.close()


def newest(api):
    api.run(deliver(api.services.lost_passwords))
    return api.box.mails[-1].get_content().split("https://tracker.example")[1].split()[0]


def test_a_password_is_lost_and_an_address_kept(api):
    mine = {"email": "user@home.example", "current_password": PASSWORD}
    waiting = {"email": None, "unconfirmed": "user@home.example"}
    assert api.done("PUT", "/user/mail", "user", json=mine) == waiting
    api.run(api.services.lost_passwords.confirm(newest(api).removeprefix("/mail/")))
    assert api.done("GET", "/user/mail", "user") == {"email": "user@home.example", "unconfirmed": None}
    for name in ("nobody", "USER"):
        api.done("POST", "/lost-password", status=204, json={"username": name})
    assert newest(api).startswith("/welcome/")
    assert len(api.box.mails) == 2
    api.refused(401, "PUT", "/user/mail", "user", json=mine | {"current_password": "wrong"})
    api.refused(422, "PUT", "/user/mail", "user", json=mine | {"email": "x"})
    assert api.done("PUT", "/user/mail", "user", json=mine | {"email": ""})["email"] is None
    api.refused(401, "GET", "/user/mail")


def test_without_a_mail_server_there_is_no_such_thing(tmp_path):
    api = RestClient(tmp_path)
    api.refused(404, "POST", "/lost-password", json={"username": "user"})
    api.refused(404, "GET", "/user/mail", "user")
    api.close()
