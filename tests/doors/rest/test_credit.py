from bittorrent.infohash import InfoHash
from storage.bonus import SqlBonus
from tracker.address_figures import SeenAddress
from tracker.bonus import BonusFormula, BonusPrices
from tracker.ledger import BatchNumber
from tracker.obligations import ObligationRules
from tracker.sessions import LastTotals, SessionDelta


def book(api, account, infohash, up, down, *, seeded=0, completed=0, later=0, client=b"p"):
    ledger, now = api.services.ledger.store, int(api.now) + later
    last = LastTotals(up, down, now, True, bool(completed))
    moved = SessionDelta(account, infohash, client * 20, up, down, seeded, completed, 0, last)
    epoch = api.run(ledger.begin_epoch(0))
    assert api.run(ledger.write(BatchNumber(0, epoch, 1), [moved]))


def test_moderators_say_what_counts_and_everybody_sees_it(api):
    one = api.upload("one")
    assert (one["upload_factor"], one["download_factor"]) == (1, 1)
    rule = {"upload": 150, "download": 0, "until": int(api.now) + 3600, "reason": "a day"}
    api.refused(403, "POST", "/credit/rules", "user", json=rule)
    made = api.done("POST", "/credit/rules", "moderator", 201, json=rule)
    assert (made["user_id"], made["info_hash"], made["since"]) == (None, None, "2023-11-14T22:13:20Z")

    listed = api.done("GET", "/torrents", "user")["data"][0]
    assert (listed["upload_factor"], listed["download_factor"], listed["freeleech"]) == (1.5, 0, "normal")
    assert api.done("GET", "/credit/rules", "moderator")["data"] == [made]
    ended = api.done("DELETE", f"/credit/rules/{made['id']}", "moderator")
    assert ended["until"] == ended["since"]
    assert api.done("GET", f"/torrents/{one['id']}", "user")["download_factor"] == 1
    api.refused(404, "DELETE", f"/credit/rules/{made['id']}", "moderator")
    verbs = [entry["verb"] for entry in api.done("GET", "/log", "moderator")["data"]]
    assert verbs[:2] == ["end-credit", "credit"]


def test_a_rule_for_an_account_is_in_nobodys_list_and_counts_for_it(api):
    one = api.upload("one")
    user, infohash = api.user("user").id, InfoHash.parse(one["info_hash"])
    rule = {"user_id": user, "upload": 50, "since": 1}
    made = api.done("POST", "/credit/rules", "moderator", 201, json=rule)
    assert made["since"] == "2023-11-14T22:13:20Z"  # it never holds for what was before
    assert api.done("GET", f"/torrents/{one['id']}", "user")["upload_factor"] == 1

    book(api, user, infohash, 100, 10)

    stats = api.done("GET", f"/users/{user}/stats", "user")
    assert (stats["uploaded_bytes"], stats["credited_uploaded_bytes"], stats["ratio"]) == (100, 50, 5)
    other = api.done("GET", f"/users/{user}/stats", "other")
    assert (other["freeleech_tokens"], other["free_torrents"]) == (None, None)


def test_what_is_no_rule_is_refused_with_the_reason(api):
    now = int(api.now)
    for rule, field in (
        ({}, "download"),
        ({"download": 1001}, "download"),
        ({"upload": -1}, "upload"),
        ({"download": 0, "until": now}, "until"),
        ({"download": 0, "since": now + 9, "until": now + 9}, "until"),
        ({"download": 0, "info_hash": "x"}, "info_hash"),
    ):
        error = api.refused(422, "POST", "/credit/rules", "moderator", json=rule)
        assert list(error["details"]) == [field]
    api.refused(404, "POST", "/credit/rules", "moderator", json={"download": 0, "user_id": 999})


def test_a_token_is_granted_spent_once_and_ends(api):
    one = api.upload("one")
    user, infohash = api.user("user").id, InfoHash.parse(one["info_hash"])
    spend = f"/torrents/{one['id']}/freeleech-token"
    api.done("POST", "/credit/rules", "moderator", 201, json={"upload": 100, "user_id": user})
    api.refused(409, "POST", spend, "user")
    api.refused(403, "POST", f"/users/{user}/freeleech-tokens", "user", json={"tokens": 5})
    api.refused(422, "POST", f"/users/{user}/freeleech-tokens", "moderator", json={"tokens": 0})
    api.refused(404, "POST", "/users/999/freeleech-tokens", "moderator", json={"tokens": 1})
    granted = api.done("POST", f"/users/{user}/freeleech-tokens", "moderator", json={"tokens": 2})
    assert granted == {"tokens": 2, "points": 0}

    token = api.done("POST", spend, "user", 201)
    assert (token["user_id"], token["info_hash"], token["download"]) == (user, one["info_hash"], 0)
    api.refused(409, "POST", spend, "user")
    book(api, user, infohash, 7, 100)
    stats = api.done("GET", f"/users/{user}/stats", "user")
    assert (stats["credited_downloaded_bytes"], stats["freeleech_tokens"]) == (0, 1)
    assert stats["free_torrents"] == [one["info_hash"]]
    assert api.done("GET", "/credit/rules", "moderator")["meta"]["total"] == 1

    api.now += 14 * 86_400
    book(api, user, infohash, 7, 100)
    stats = api.done("GET", f"/users/{user}/stats", "user")
    assert (stats["credited_downloaded_bytes"], stats["free_torrents"]) == (100, [])


def test_points_buy_what_is_for_sale(api):
    user = api.user("user").id
    error = api.refused(422, "POST", "/bonus/exchange", "user", json={"tokens": 1})
    assert error["details"] == {"tokens": ["It is not for sale here."]}
    api.refused(401, "POST", "/bonus/exchange", json={"tokens": 1})
    api.services.membership.prices = BonusPrices(token=10, gib=3)
    api.refused(422, "POST", "/bonus/exchange", "user", json={})
    api.refused(409, "POST", "/bonus/exchange", "user", json={"tokens": 1})
    book(api, user, InfoHash(b"h" * 20), 0, 0, seeded=7200)
    api.run(api.opened.application.bonus.reward())
    stats = api.done("GET", f"/users/{user}/stats", "user")
    assert (stats["points"], stats["owed"], stats["hit_and_runs"]) == (0, 0, 0)
    api.run(SqlBonus(api.opened.application.stores.records).reward(BonusFormula(per_hour=9), 0, 9))
    book(api, user, InfoHash(b"h" * 20), 0, 0, seeded=7200, later=9000)
    api.run(SqlBonus(api.opened.application.stores.records).reward(BonusFormula(per_hour=9), 0, 9))

    assert api.done("POST", "/bonus/exchange", "user", json={"tokens": 1, "gib": 2}) == {
        "tokens": 1,
        "points": 2,
    }
    assert api.done("GET", f"/users/{user}/stats", "user")["credited_uploaded_bytes"] == 2 << 30


def test_what_an_account_owes_is_shown_to_it_and_to_moderators(api):
    one = api.upload("one")
    user, path = api.user("user").id, f"/users/{api.user('user').id}/torrents"
    api.services.membership.rules = ObligationRules(seed_time=3600, grace=86_400)
    book(api, user, InfoHash.parse(one["info_hash"]), 5, 9, completed=1)
    api.refused(401, "GET", path)
    api.refused(403, "GET", path, "other")

    (row,) = api.done("GET", path, "user")["data"]

    assert (row["title"], row["uploaded_bytes"], row["snatched"]) == ("one", 5, 1)
    assert (row["obligation"], row["owed_seconds"], row["until"]) == ("owed", 3600, "2023-11-15T22:13:20Z")
    api.now += 86_401
    assert api.done("GET", path, "moderator")["data"][0]["obligation"] == "broken"
    assert api.done("GET", f"/users/{user}/stats", "user")["hit_and_runs"] == 1
    assert api.done("GET", f"/users/{user}/stats", "other")["hit_and_runs"] is None


def test_moderators_see_accounts_with_many_clients_and_torrents_that_do_not_add_up(api):
    user, other = api.user("user").id, api.user("other").id
    one, two = InfoHash.parse(api.upload("one")["info_hash"]), InfoHash(b"h" * 20)
    book(api, user, one, 100, 0)
    book(api, user, two, 0, 3000, client=b"q")
    book(api, other, one, 0, 90)
    book(api, other, two, 1, 0)
    api.refused(403, "GET", "/moderation/clients", "user")
    api.refused(403, "GET", "/moderation/balances", "user")

    clients = api.done("GET", "/moderation/clients", "moderator")["data"]
    balances = api.done("GET", "/moderation/balances", "moderator")["data"]

    assert clients == [
        {"user_id": user, "clients": 2, "torrents": 2},
        {"user_id": other, "clients": 1, "torrents": 2},
    ]
    assert [(each["title"], each["difference_bytes"], each["accounts"]) for each in balances] == [
        ("", -2999, 2),
        ("one", 10, 2),
    ]
    api.now += 100_000
    assert api.done("GET", "/moderation/clients", "moderator")["data"] == []


def test_moderators_see_accounts_with_many_addresses(api):
    user, ledger = api.user("user").id, api.services.ledger.store
    seen = [SeenAddress(user, int(api.now) // 86_400, bytes([at]) * 8) for at in range(3)]
    api.run(ledger.write(BatchNumber(0, api.run(ledger.begin_epoch(0)), 1), [], seen))
    api.refused(403, "GET", "/moderation/addresses", "user")
    assert api.done("GET", "/moderation/addresses", "moderator")["data"] == [
        {"user_id": user, "today": 3, "most": 3}
    ]


def test_no_rule_holds_behind_the_last_time_that_is_written(api):
    for late in ({"until": 2**62}, {"since": 2**62}):
        api.refused(422, "POST", "/credit/rules", "moderator", json={"download": 0} | late)
    last = api.done("POST", "/credit/rules", "moderator", 201, json={"download": 0, "until": 253_402_300_799})
    assert last["until"] == "9999-12-31T23:59:59Z"
