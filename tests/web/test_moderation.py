"""The moderators' queue of reports and their log: what they name, what can be done there, and what is found again."""

import pytest

from accounts.model import Principal
from catalogue.model import Subject


@pytest.fixture
def keeper(site, moderator):
    return site.browser(moderator)


def report(site, anna, subject, target, reason="look at it"):
    site.run(site.services.curation.report(Principal(anna), subject, target, reason))


def resolve(keeper, **given):
    """Send the form of the oldest open report."""
    form = next(form for form in keeper.page("/moderation").forms if form.action.endswith("/resolve"))
    return keeper.send(form.action, **form.fields | {"resolution": "as reported"} | given)


def test_a_report_names_what_it_is_about_and_leads_to_its_edit(site, anna, keeper, torrent):
    report(site, anna, Subject.TORRENT, torrent.id)
    page = keeper.page("/moderation")
    assert f"torrent {torrent.title}" in page.text
    paths = {link["href"] for link in page.links}
    assert {f"/t/{torrent.id}", f"/t/{torrent.id}/edit"} <= paths


def test_what_was_reported_is_hidden_with_the_words_that_resolve_it(site, anna, keeper, torrent):
    report(site, anna, Subject.TORRENT, torrent.id)
    assert resolve(keeper, action="hide").status_code == 303
    assert site.browser().get(f"/t/{torrent.id}").status_code == 404
    assert keeper.get(f"/t/{torrent.id}").status_code == 200
    assert "as reported" in keeper.page("/moderation?resolved=1").text
    assert "Nothing is waiting" in keeper.page("/moderation").text


@pytest.mark.parametrize("action", ["delete", "block"])
def test_what_was_reported_is_deleted_or_blocked_which_closes_the_report(site, anna, keeper, torrent, action):
    report(site, anna, Subject.TORRENT, torrent.id)
    assert resolve(keeper, action=action).status_code == 303
    assert site.browser().get(f"/t/{torrent.id}").status_code == 404
    assert "Nothing is waiting" in keeper.page("/moderation").text
    assert "as reported" in keeper.page("/moderation/log").text
    assert "gone" in keeper.page("/moderation?resolved=1").text


def test_nothing_is_done_to_what_cannot_be_or_without_words(site, anna, keeper, torrent):
    report(site, anna, Subject.GROUP, torrent.group.id)
    assert resolve(keeper, action="hide").status_code == 422
    report(site, anna, Subject.TORRENT, torrent.id)
    assert resolve(keeper, resolution="").status_code == 422
    assert site.browser().get(f"/t/{torrent.id}").status_code == 200
    assert len([form for form in keeper.page("/moderation").forms if "/resolve" in form.action]) == 2


def test_a_report_is_acted_upon_once(site, anna, keeper, torrent):
    report(site, anna, Subject.TORRENT, torrent.id)
    form = next(form for form in keeper.page("/moderation").forms if form.action.endswith("/resolve"))
    assert keeper.send(form.action, **form.fields | {"resolution": "it is right"}).status_code == 303
    late = keeper.send(form.action, **form.fields | {"resolution": "no", "action": "delete"})
    assert late.status_code == 409
    assert site.browser().get(f"/t/{torrent.id}").status_code == 200


def test_the_log_names_records_and_is_filtered(site, anna, keeper, moderator, torrent):
    curation, staff = site.services.curation, Principal(moderator)
    site.run(curation.mark_torrent(staff, torrent.id, hidden=True))
    site.run(curation.lock_group(staff, torrent.group.id, locked=True))
    assert f"lock group {torrent.group.name}" in keeper.page("/moderation/log").text
    hidden = keeper.page("/moderation/log?verb=hide&subject=torrent&actor=" + moderator.name.upper())
    assert "lock group" not in hidden.text
    assert f"hide torrent {torrent.title}" in hidden.text
    assert "Nothing of that is in the log" in keeper.page("/moderation/log?actor=anna").text
    assert keeper.get("/moderation/log?subject=%3Cx%3E&verb=" + "y" * 5000).status_code == 200
