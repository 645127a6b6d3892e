import pytest

from accounts.model import Role
from tests.doors.gazelle.client import START

JOINED = "2023-11-14 22:13:20"


def test_index_is_the_account_itself(api, ann, token):
    answer = api.ask(token, "index")
    assert {name: answer[name] for name in ("username", "id")} == {"username": "ann", "id": ann.id}
    assert answer["notifications"] == {
        "messages": 0,
        "notifications": 0,
        "newAnnouncement": False,
        "newBlog": False,
        "newSubscriptions": False,
    }
    assert answer["userstats"] == {
        "uploaded": 0,
        "downloaded": 0,
        "ratio": 0,
        "requiredratio": 0,
        "class": "User",
    }
    assert set(answer) == {"username", "id", "authkey", "passkey", "notifications", "userstats"}


def test_a_profile_counts_what_was_brought_but_not_anonymously(api, ann, token):
    api.upload(ann, "one", {})
    api.upload(ann, "two", {"anonymous": True})
    answer = api.ask(token, "user", id=ann.id)
    assert answer["username"] == "ann"
    assert answer["stats"]["joinedDate"] == JOINED
    assert (answer["community"]["uploaded"], answer["community"]["groups"]) == (1, 1)
    assert set(answer["ranks"].values()) == {0}
    assert set(answer) == {
        *("username", "avatar", "isFriend", "profileText", "stats", "ranks", "personal", "community"),
    }
    assert answer["personal"] | {"passkey": ""} == {
        "class": "User",
        "paranoia": 0,
        "paranoiaText": "Off",
        "donor": False,
        "warned": False,
        "enabled": True,
        "passkey": "",
    }


def test_a_passkey_and_the_last_access_are_shown_to_their_owner_alone(api, ann, token):
    own = api.ask(token, "user", id=ann.id)
    assert own["personal"]["passkey"] == api.ask(token, "index")["passkey"]
    api.run(api.accounts.flush_last_used())
    assert api.ask(token, "user", id=ann.id)["stats"]["lastAccess"] == JOINED
    other = api.ask(api.token(api.user("bob")), "user", id=ann.id)
    assert (other["personal"]["passkey"], other["stats"]["lastAccess"]) == ("", "")
    moderator = api.ask(api.token(api.user("mod", Role.MODERATOR)), "user", id=ann.id)
    assert (moderator["personal"]["passkey"], moderator["stats"]["lastAccess"]) == ("", JOINED)


@pytest.mark.parametrize("value", ["", "0", "x", "-1", "9" * 30, "1 OR 1=1"])
def test_a_profile_of_no_id_fails(api, token, value):
    assert api.fail(token, "user", id=value) == "bad id parameter"


@pytest.mark.parametrize("value", ["999", "9" * 18])
def test_a_profile_of_nobody_fails(api, token, value):
    assert api.fail(token, "user", id=value) == "no such user"


def test_accounts_are_found_by_a_part_of_their_name(api, ann, token):
    anna = api.user("Joanna", Role.ADMIN)
    api.user("bob")
    answer = api.ask(token, "usersearch", search="ANN")
    assert (answer["currentPage"], answer["pages"]) == (1, 1)
    assert answer["results"] == [
        {
            "userId": user.id,
            "username": user.name,
            "donor": False,
            "warned": False,
            "enabled": True,
            "class": user.role.value.capitalize(),
            "avatar": "",
        }
        for user in (ann, anna)
    ]


def test_accounts_come_thirty_a_page(api, token):
    for number in range(31):
        api.user(f"user{number:02}")
    pages = [api.ask(token, "usersearch", search="user", page=page) for page in (1, 2, 3)]
    assert [len(page["results"]) for page in pages] == [30, 1, 0]
    assert [page["pages"] for page in pages] == [2, 2, 2]


@pytest.mark.parametrize("search", ["", "  ", "\t\x00"])
def test_a_search_for_no_name_fails(api, token, search):
    assert api.fail(token, "usersearch", search=search) == "no search terms"


@pytest.mark.parametrize("search", ["%", "_", "'", "ü", "a" * 5000, '" OR 1=1'])
def test_a_search_for_a_name_that_nobody_has_finds_nobody(api, token, search):
    assert api.ask(token, "usersearch", search=search)["results"] == []


def test_the_site_in_numbers(api, ann, token):
    api.upload(ann, "one", {"authors": ["A"]})
    assert api.ask(token, "index")
    api.run(api.accounts.flush_last_used())
    assert api.ask(token, "stats") == {
        "maxUsers": 0,
        "enabledUsers": 1,
        "usersActiveThisDay": 1,
        "usersActiveThisWeek": 1,
        "usersActiveThisMonth": 1,
        "torrentCount": 1,
        "groupCount": 1,
        "artistCount": 1,
        "requestCount": 0,
        "filledRequestCount": 0,
        "seederCount": 5,
        "leecherCount": 4,
    }
    assert api.now == START
