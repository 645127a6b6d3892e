"""Every route crossed with every role: the table says who is let in, and a route without a row fails."""

import itertools
import json
import re
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from accounts.model import NOBODY, Principal, Role, Scope, User
from accounts.rights import Right, Rights
from bittorrent.infohash import InfoHash
from catalogue.events import EventKind, ServiceEvent
from catalogue.fields import CollageChange, GroupChange, TorrentDetails
from catalogue.model import Contents, MetainfoSummary, ParsedRelease, Subject
from lists.access_rules import RuleSubject
from lists.infohashes import ListKind
from peerage.config import Settings
from peerage.listeners import Listeners
from peerage.routes import make_app
from peerage.sections import LimitsSection
from peerage.wiring.application import open_application
from tests.support.mail_servers import SETTINGS as MAIL
from tracker.credit import NewCreditRule

# Routes without admission: they serve everybody, or check an address or a signed link alone.
OPEN = {
    *(
        each
        for path in ("/announce", "/scrape")
        for each in (path, f"{path}/{{passkey}}", f"/{{passkey}}{path}")
    ),
    "/api/torrage.wsdl",
    "/api/index.php",
    "/upload.php",
    "/torrent/{rest:path}",
    "/robots.txt",
    "/static/{name}",
    "/metrics",
    "/stats",
    "/stats.json",
    "/healthz",
    "/livez",
    "/readyz",
    "/dld/{opaque}",
}
TABLE = Path(__file__).with_name("rights.txt")
ROLES = ["nobody", "user", "owner", "moderator", "admin"]
GENEROUS = dict.fromkeys(LimitsSection.__struct_fields__, "100000/minute")
PASSWORD = "a good password"
# What a request carries where the right is asked after the body was read.
IDS = {
    "/collages/": "collage",
    "/account/keys": "token",
    "/account/sessions": "session",
    "/account/invites": "invitation",
    "/author": "author",
}
NUMBERED = {
    "comments": "comment",
    "credit": "rule",
    "webhooks": "delivery",
    "lists": "access_rule",
    "notices": "notice",
}
"""The record that a number names in paths of moderators, where it is no report."""
BODIES = {
    ("POST", "/api/torrents/{torrent}/comments"): {"body": "well"},
    ("POST", "/api/groups/{group}/comments"): {"body": "well"},
    ("POST", "/api/collages"): {"name": "lights", "kind": 1},
    ("PATCH", "/api/comments/{comment}"): {"body": "better"},
    ("PATCH", "/api/torrents/{torrent}"): {"title": "better"},
    ("PATCH", "/api/groups/{group}"): {"name": "better"},
    ("PATCH", "/api/collages/{collage}"): {"name": "better"},
    ("PATCH", "/api/tokens/{token}"): {"suspended": True},
    ("PUT", "/api/users/{user}/password"): {"password": "another password", "current_password": PASSWORD},
    ("PUT", "/api/torrents/{torrent}/owner"): {"username": "user"},
    ("PUT", "/api/user/mail"): {"email": "none", "current_password": PASSWORD},
    ("POST", "/api/held-comments/{comment}"): {"shown": True},
    ("POST", "/api/lost-password"): {"username": "user"},
    ("PATCH", "/api/users/{user}"): {"enabled": True},
    ("POST", "/api/tokens"): {"scope": "rest"},
    ("POST", "/api/credit/rules"): {"download": 0},
    ("POST", "/api/tracker/rules"): {"subject": "client", "pattern": "-XX", "verdict": "deny"},
    ("POST", "/api/users/{user}/invites"): {"invites": 1},
    ("POST", "/api/users/{user}/freeleech-tokens"): {"tokens": 1},
    ("POST", "/api/webhooks"): {"url": "https://told.example/"},
}
FORMS = {
    "/login": {"name": "user", "password": PASSWORD},
    "/login.php": {"username": "user", "password": PASSWORD},
    "/language": {"language": "de"},
    "/takedown": {
        **dict.fromkeys(("claimant", "contact", "work", "statement"), "x"),
        "sworn": "1",
        "torrents": "ab" * 20,
    },
    "/moderation/notices/{id}/decide": {"verdict": "refuse", "answer": "no"},
    "/t/{id}/edit": {"title": "better"},
    "/t/{id}/mark": {"hidden": "1"},
    "/t/{id}/owner": {"name": "user"},
    "/t/{id}/block": {"reason": "asked"},
    "/g/{id}/edit": {"name": "better"},
    "/g/{id}/comments": {"body": "well"},
    "/c/{id}/edit": {"body": "better"},
    "/c/{id}/hide": {"hidden": "1"},
    "/report/{subject}/{id}": {"reason": "look"},
    "/account/password": {"current": PASSWORD, "password": PASSWORD, "again": PASSWORD},
    "/moderation/comments/{id}/settle": {"verdict": "approve"},
    "/account/mail": {"email": "none", "password": PASSWORD},
    "/account/mail/forget": {"password": PASSWORD},
    "/account/erase": {"writings": "none"},
    "/account/second-factor/devices": {"name": "", "password": PASSWORD},
    "/account/second-factor/devices/remove": {"password": PASSWORD},
    "/people": {"name": "", "role": "user"},
    "/u/{id}/role": {"role": "user"},
    "/moderation/reports/{id}/resolve": {"resolution": "done"},
    "/moderation/credit": {"download": "0"},
    "/moderation/chosen": {"action": "show", "chosen.1": "1"},
    "/moderation/lists/torrents": {"pattern": "ab" * 20, "reason": "asked"},
    "/moderation/lists/rules": {"pattern": "-XX"},
    "/u/{id}/invites": {"invites": "1"},
    "/moderation/credit/tokens": {"account": "user", "tokens": "1"},
}


def rows():
    """The table: who is let in, by method and path."""
    lines = [line.split() for line in TABLE.read_text().splitlines() if line and not line.startswith("#")]
    return {(method, path): tuple(roles) for method, path, *roles in lines}


def kind_of(path):
    """The record that `{id}` names in a path."""
    for start, kind in IDS.items():
        if path.startswith(start):
            return kind
    if path.startswith("/moderation"):
        return next((kind for part, kind in NUMBERED.items() if part in path), "report")
    return {"/t": "torrent", "/g": "group", "/c": "comment", "/u": "user"}.get(path[:2], "group")


class Site:
    """The whole application over a fresh folder, with one account a role, each in by key and by session."""

    def __init__(self, application, app):
        self.application = application
        self.numbers = itertools.count(1)
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, client=("127.0.0.1", 5)), base_url="http://peerage.test"
        )
        self.users = {}

    async def open(self):
        roles = {"moderator": Role.MODERATOR, "admin": Role.ADMIN}
        for name in ROLES[1:]:
            self.users[name] = await self.application.accounts.accounts.add(
                name, PASSWORD, roles.get(name, Role.USER)
            )

    async def key(self, role, scope):
        """A fresh key, since some routes take theirs back."""
        return (await self.application.accounts.accounts.mint(self.users[role].id, scope))[1]

    async def open_session(self, user):
        """Open a session of an account; return its id."""
        accounts = self.application.accounts.accounts
        cookie, _ = await accounts.open_session(user)
        return (await accounts.session(cookie)).session

    async def session(self, role):
        """A fresh session: its cookie, and the token of its forms."""
        cookie, _ = await self.application.accounts.accounts.open_session(self.users[role].id)
        principal = await self.application.accounts.accounts.session(cookie)
        return cookie, self.application.accounts.accounts.csrf_token(principal.session)

    async def records(self, path):
        """One new record of each kind, all of them the owner's."""
        number, owner, catalogue = (
            next(self.numbers),
            self.users["owner"].id,
            self.application.catalogue.catalogue,
        )
        infohash = InfoHash.of(number.to_bytes(20, "big"))
        summary = MetainfoSummary(infohash, None, f"n{number}", "", 1, False, False, "", Contents(), number)
        torrent, _ = await catalogue.torrents.add(
            summary,
            ParsedRelease(f"n{number}", "Books"),
            TorrentDetails.read({"tags": [f"t{number}"]}),
            owner,
        )
        other, _ = await catalogue.torrents.add(
            MetainfoSummary(
                InfoHash.of(number.to_bytes(20, "little")), None, "o", "", 1, False, False, "", Contents(), 1
            ),
            ParsedRelease("o", "Books"),
        )
        group = torrent.group.id
        held = "held-comments" in path or "moderation/comments" in path
        comment = await catalogue.comments.add(group, owner, "mine", held=held)
        collage = await catalogue.collages.add(CollageChange.read({"name": f"c{number}", "kind": 1}), owner)
        await catalogue.collages.add_group(collage.id, group, owner)
        author = await catalogue.groups.edit(group, GroupChange.read({"authors": [f"a{number}"]}))
        reported = "report" in path or path.startswith("/moderation")
        report = (
            await catalogue.moderation.report(Subject.GROUP, group, self.users["user"].id, "look")
            if reported
            else None
        )
        rule = await self.application.crediting.store.add_rule(NewCreditRule(0, None, owner, download=100))
        sender = self.users["owner"]
        invitation, _ = await self.application.invitations.send(Principal(self.users["admin"]))
        await self.application.invitations.grant(Principal(self.users["admin"]), sender.id, 1)
        news = await catalogue.comments.post_news("t", "b", owner)
        category = await catalogue.taxonomy.add_category(f"k{number}", 1)
        key, _ = await self.application.accounts.accounts.mint(owner, Scope.FEED)
        session = await self.open_session(owner)
        tag = await catalogue.store.tags.tag(f"t{number}")
        webhook, delivery = await self.hook(path)
        somebody = await self.application.accounts.accounts.add(f"somebody{number}", None)
        return {
            "torrent": torrent.id,
            "group": group,
            "comment": comment.id,
            "collage": collage.id,
            "infohash": infohash.lower,
            "author": author.authors[0].id,
            "report": report.id if report else 0,
            "news": news.id,
            "rule": rule.id,
            "access_rule": (await self.denial(number)).id,
            "invitation": invitation.id,
            "category": category.id,
            "other": other.group.id,
            "token": key.id,
            "session": session,
            "user": somebody.id,
            "webhook": webhook,
            "delivery": delivery,
            "notice": await self.notice(path),
            "tag": tag.id,
            "alias": f"t{number}",
            "kind": "group",
        }

    async def notice(self, path):
        """A notice that waits, where the path is about one."""
        return await self.application.notices.send(FORMS["/takedown"]) if "notices" in path else 0

    async def denial(self, number):
        """A rule on a client."""
        return await self.application.access_moderation.set(
            Principal(operator="test"), RuleSubject.CLIENT, f"x{number}", ListKind.DENY, ""
        )

    async def hook(self, path):
        """A webhook and a delivery to it, where the path is about these; the ones before are deleted."""
        if "webhook" not in path and "deliver" not in path:
            return 0, 0
        webhooks, operator = self.application.webhooks, Principal(operator="test")
        for each in await webhooks.webhooks(operator):
            await webhooks.remove(operator, each.id)
        added, _ = await webhooks.add(operator, "https://told.example/", frozenset(EventKind))
        await webhooks.emit(ServiceEvent(EventKind.UPLOAD))
        return added.id, (await webhooks.deliveries(operator, 0, 1))[0][0].id

    async def ask(self, method, path, role):
        """Send one request as a role; return whether it was let in."""
        records = await self.records(path) if "{" in path or path == "/torrents.php" else {}
        if "{infohash}" in path:
            add_entry = (
                self.application.torrents.takedowns.allow
                if "allow" in path
                else self.application.torrents.takedowns.block
            )
            await add_entry(InfoHash.parse(records["infohash"]), "asked", "them")
        kind = kind_of(path)
        values = {
            **records,
            "id": records.get(kind, 0),
            "key": records.get("torrent", 0),
            "subject": "group",
            "rest": "nothing",
            "secret": "x" * 43,
            "version": 2,
            "number": 0,
            "opaque": "x",
            "action": "pause",
            "name": "style.css",
            "passkey": "0" * 32,
            "imdb": "tt1234567",
        }
        url = re.sub(r"\{(\w+)(?::path)?\}", lambda found: str(values[found[1]]), path)
        headers, form, content = {"origin": "http://peerage.test"}, None, None
        if path.startswith("/api/") and role != "nobody":
            headers["authorization"] = f"Bearer {await self.key(role, Scope.REST)}"
        elif path.startswith(("/v1/api/", "/qbittorrent/")):
            if role != "nobody":
                scope = Scope.TORBOX if path.startswith("/v1/api/") else Scope.QBITTORRENT
                headers["authorization"] = f"Bearer {await self.key(role, scope)}"
        elif path in ("/ajax.php", "/api.php", "/torrents.php"):
            url += (
                "?action=browse" if path != "/torrents.php" else f"?action=download&id={records['torrent']}"
            )
            if role != "nobody":
                headers["authorization"] = f"Bearer {await self.key(role, Scope.GAZELLE)}"
        elif path == "/torznab/api":
            url += "?t=search"
            if role != "nobody":
                url += f"&apikey={await self.key(role, Scope.FEED)}"
        elif path.startswith("/torrent/") and "rest" not in path:
            if role != "nobody":
                url += f"?key={await self.key(role, Scope.TORRENT_API)}"
        else:
            cookie, token = ("", "") if role == "nobody" else await self.session(role)
            headers["cookie"] = f"session={cookie}" if cookie else "theme=dark"
            form = {**FORMS.get(path, {}), "csrf": token}
        if path.startswith("/api/") and method in ("POST", "PUT", "PATCH"):
            headers["content-type"] = "application/json"
            body = BODIES.get((method, path), {})
            if path.endswith("/merge"):
                body = {"into": records["other"]}
            if path.endswith("/groups") and "collage" in path:
                body = {"group_id": records["other"]}
            content = json.dumps(body)
        if method != "POST" or content is not None:
            form = None
        answer = await self.client.request(method, url, headers=headers, data=form, content=content)
        assert answer.status_code < 500 or "Fault" in answer.text, (method, url, role, answer.text)
        return let_in(answer)


def let_in(answer):
    """Whether the operation was reached; False where authorization refused, None where there is no such method."""
    if answer.status_code == 405:
        return None
    if answer.status_code in (401, 403, 404):  # what somebody may not know of is not there
        return False
    return "login" not in answer.headers.get("location", "")


def held(role):
    """The rights of a role on a site with the default settings."""
    rights = Rights(frozenset(Right(name) for name in Settings().accounts.anonymous))
    roles = {"moderator": Role.MODERATOR, "admin": Role.ADMIN}
    if role == "nobody":
        return rights.of(NOBODY)
    return rights.of(Principal(User(1, role, roles.get(role, Role.USER), True, 0, None)))


def lacks(role, endpoint):
    """Whether a role lacks what an endpoint declares."""
    if role == "nobody" and endpoint.account:
        return True
    if role == "nobody" and endpoint.anonymous:
        return False
    return endpoint.right is not None and endpoint.right not in held(role)


async def crossed(folder):
    """Who is let in, for every route and method of the site."""
    settings = Settings.of(
        data=folder / "data", limits=GENEROUS, accounts={"keys_per_user": 10_000}, tracker={"door": "uvicorn"},
        mail=MAIL, public_url="http://peerage.test",
    )  # fmt: skip
    found, declared, undeclared = {}, {}, set()
    async with open_application(settings) as application:
        site = Site(application, make_app(application, Listeners(application)))
        await site.open()
        async with site.client:
            for route in site.client._transport.app.routes:
                endpoints = getattr(route, "endpoints", None)
                if endpoints is None:
                    undeclared.add(route.path)
                for method, endpoint in (endpoints or {}).items():
                    declared.setdefault((method, route.path), endpoint)
                for method in sorted((route.methods or {"GET"}) - {"HEAD", "OPTIONS"}):
                    if (method, route.path) in found:
                        continue
                    answers = {role: await site.ask(method, route.path, role) for role in ROLES}
                    if any(answer is not None for answer in answers.values()):
                        found[method, route.path] = tuple(role for role in ROLES if answers[role])
    return found, declared, undeclared


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory):
    return await crossed(tmp_path_factory.mktemp("rights"))


@pytest.fixture(scope="module")
def found(site):
    return site[0]


def test_every_route_has_a_row_and_no_other(found):
    assert set(rows()) == set(found)


def test_each_role_is_let_in_where_the_table_says(found):
    assert {row: roles for row, roles in found.items() if rows()[row] != roles} == {}


def test_every_route_declares_its_endpoints_or_is_open_to_everybody(site):
    assert site[2] == OPEN


def test_no_role_is_let_in_without_what_the_endpoint_declares(site):
    table = rows()
    wrong = {
        (row, role)
        for row, endpoint in site[1].items()
        for role in table.get(row, ())
        if lacks(role, endpoint)
    }
    assert wrong == set()
