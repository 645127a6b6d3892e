"""What becomes of each column of `peerage.db` that names an account, when that account is erased."""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any

from sqlalchemy import Column

from storage.tables.accounts import (
    credential,
    erasure,
    mail_address,
    one_time_link,
    recovery_code,
    second_factor,
    session,
    webauthn_credential,
)
from storage.tables.catalogue import torrent
from storage.tables.collages import bookmark, collage, collected
from storage.tables.credit import account_balance, credit_rule
from storage.tables.discussion import comment, news
from storage.tables.jobs import content, job, job_label
from storage.tables.ledger import address_count, client_session, seen_address, snatch, traffic
from storage.tables.lists import access_rule, entry
from storage.tables.members import invitation, standing
from storage.tables.moderation import log_entry, notice, report


class Fate(Enum):
    """What becomes of the rows that name an erased account in a column."""

    DELETED = "deleted"
    AT_LAST = "deleted, once nothing in memory can write them again"
    NAMELESS = "kept, under the name that all erased accounts share"
    CHOSEN = "nameless or deleted, as whoever erases chooses"
    NOBODY = "kept, and nobody is named any more"


FATES: Mapping[Column[Any], Fate] = MappingProxyType(
    {
        credential.c.account_id: Fate.DELETED,
        session.c.account_id: Fate.DELETED,
        one_time_link.c.account_id: Fate.DELETED,
        second_factor.c.account_id: Fate.DELETED,
        recovery_code.c.account_id: Fate.DELETED,
        webauthn_credential.c.account_id: Fate.DELETED,
        bookmark.c.account_id: Fate.DELETED,
        job_label.c.account_id: Fate.DELETED,
        standing.c.account_id: Fate.DELETED,
        standing.c.inviter: Fate.NOBODY,
        invitation.c.inviter: Fate.DELETED,
        invitation.c.account_id: Fate.NOBODY,
        torrent.c.uploader_id: Fate.NOBODY,
        comment.c.account_id: Fate.CHOSEN,
        comment.c.editor_id: Fate.NOBODY,
        collage.c.account_id: Fate.CHOSEN,
        collected.c.account_id: Fate.NOBODY,
        news.c.account_id: Fate.NAMELESS,
        report.c.account_id: Fate.NAMELESS,
        report.c.resolver_id: Fate.NAMELESS,
        log_entry.c.account_id: Fate.NAMELESS,
        notice.c.decider_id: Fate.NAMELESS,
        credit_rule.c.author: Fate.NOBODY,
        credit_rule.c.account_id: Fate.AT_LAST,
        account_balance.c.account_id: Fate.AT_LAST,
        traffic.c.account_id: Fate.AT_LAST,
        client_session.c.account_id: Fate.AT_LAST,
        snatch.c.account_id: Fate.AT_LAST,
        job.c.account_id: Fate.AT_LAST,
        content.c.account_id: Fate.AT_LAST,
        mail_address.c.account_id: Fate.DELETED,
        erasure.c.account_id: Fate.AT_LAST,
        seen_address.c.account_id: Fate.AT_LAST,
        address_count.c.account_id: Fate.AT_LAST,
    }
)
"""Every column of `peerage.db` that holds the number of an account; a test fails for one that is not here."""

SIGNED = (entry.c.author, access_rule.c.author)
"""The columns that hold the name of an account: it is taken out."""
