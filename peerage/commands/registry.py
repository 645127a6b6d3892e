"""Every command, in the order of the help."""

from peerage.commands import accounts, backup, lists, ownership, status, transfer
from peerage.commands.command import by_name

COMMANDS = by_name(
    (
        transfer.IMPORT,
        transfer.EXPORT,
        transfer.IMPORT_TITLES,
        backup.BACKUP,
        lists.BLOCK,
        lists.UNBLOCK,
        lists.ALLOW,
        lists.DISALLOW,
        lists.LISTS,
        ownership.ASSIGN_TORRENT,
        status.STATS,
        status.CLOSE_CENSUS_DAY,
        status.CHECK,
        accounts.ADD_USER,
        accounts.LIST_USERS,
        accounts.SHOW_USER,
        accounts.LIST_LOG_INS,
        accounts.ENABLE_USER,
        accounts.DISABLE_USER,
        accounts.SET_ROLE,
        accounts.ISSUE_LINK,
        accounts.SHOW_PASSKEY,
        accounts.ADD_KEY,
        accounts.LIST_KEYS,
        accounts.REVOKE_KEY,
        accounts.SUSPEND_KEY,
        accounts.RESUME_KEY,
    )
)
