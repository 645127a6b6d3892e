"""Mails over a real SMTP server on loopback: TLS and log-in as they are set, refusals, and nothing that adds a header."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.mail_addresses import is_address
from actions.mail import MailError, MailText, composed
from tests.support.mail_servers import PASSWORD, SENDER, USER, client, mail_server

TEXT = MailText("A new password at Gärten", "Grüße,\n.\nhttps://tracker.example/welcome/x\n")
TO = "ada@home.example"
HEADERS = {
    "from", "to", "subject", "date", "message-id", "auto-submitted", "content-type", "content-transfer-encoding",
    "mime-version",
}  # fmt: skip


@pytest.mark.parametrize("tls", ["off", "starttls", "tls"])
async def test_a_mail_arrives_with_its_text(tmp_path, tls):
    async with mail_server(tmp_path, tls=tls, auth=tls == "starttls") as box:
        login = {"user": USER, "password": PASSWORD} if tls == "starttls" else {}
        await asyncio.to_thread(client(box, tmp_path, tls=tls, **login).send, TO, TEXT)
        (mail,) = box.mails
        assert (mail["From"], mail["To"], mail["Subject"]) == (SENDER, TO, TEXT.subject)
        assert mail["Auto-Submitted"] == "auto-generated"
        assert mail.get_content().replace("\r\n", "\n") == TEXT.body
        assert box.recipients == [[TO]]


@pytest.mark.parametrize(
    ("server", "wanted", "final"),
    [
        ({"tls": "off"}, {"tls": "starttls"}, True),
        (
            {"tls": "starttls", "auth": True},
            {"tls": "starttls", "user": USER, "password": "not the one"},
            True,
        ),
        ({"tls": "off"}, {"tls": "tls"}, True),
        ({"tls": "starttls"}, {"tls": "off"}, True),
    ],
)
async def test_a_server_that_will_not_have_it_gets_nothing(tmp_path, server, wanted, final):
    async with mail_server(tmp_path, **server) as box:
        with pytest.raises(MailError) as raised:
            await asyncio.to_thread(client(box, tmp_path, **wanted).send, TO, TEXT)
        assert raised.value.final is final
        assert "not the one" not in str(raised.value)
        assert box.mails == []


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_a_certificate_that_nobody_trusts_gets_neither_mail_nor_password(tmp_path, tls):
    async with mail_server(tmp_path, tls=tls) as box:
        distrusting = client(box, tls=tls, user=USER, password=PASSWORD)
        for work in (distrusting.probe, lambda: distrusting.send(TO, TEXT)):
            with pytest.raises(MailError, match="certificate") as raised:
                await asyncio.to_thread(work)
            assert raised.value.final
        assert box.mails == []


async def test_a_refusal_for_now_is_not_final_and_one_for_good_is(tmp_path):
    async with mail_server() as box:
        box.answers = ["451 come back later", "550 no such mailbox"]
        for final in (False, True):
            with pytest.raises(MailError) as raised:
                await asyncio.to_thread(client(box).send, TO, TEXT)
            assert raised.value.final is final
        port = box.port
    box.port = port
    with pytest.raises(MailError) as raised:
        await asyncio.to_thread(client(box).probe)
    assert not raised.value.final


@pytest.mark.parametrize(
    "text",
    [
        "", "ada", "@home.example", "ada@", "a b@home.example", "ada@home.example\r\nBcc: eve@evil.example",
        "ada@home.example\n", "ada@home.example,eve@evil.example", "<ada@home.example>", '"a b"@home.example',
        "ada@-home.example", "ada@home..example", ".ada@home.example", "ada.@home.example", "ada@[127.0.0.1]",
        "ädä@home.example", f"{'a' * 65}@home.example", f"a@{'b.' * 130}example", "ada@home.example\0", "a@b@c",
    ],
)  # fmt: skip
def test_what_is_no_plain_address_is_none(text):
    assert not is_address(text)
    with pytest.raises(ValueError, match="no mail address"):
        composed(SENDER, text, TEXT)


@pytest.mark.parametrize("text", ["a@b", TO, "a.b+tag@x-1.example", "o'neil_{x}@EXAMPLE.org"])
def test_a_plain_address_is_one(text):
    assert is_address(text)


@given(st.text(max_size=300), st.text(st.characters(codec="utf-8"), max_size=80))
def test_nothing_that_is_said_becomes_a_header(subject, body):
    written = composed(SENDER, TO, MailText(subject, body)).as_bytes()
    head = written.partition(b"\r\n\r\n")[0]
    names = [
        line.partition(b":")[0].lower() for line in head.split(b"\r\n") if not line.startswith((b" ", b"\t"))
    ]
    assert {name.decode() for name in names} == HEADERS
    assert len(names) == len(HEADERS)
