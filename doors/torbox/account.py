"""`/user/me`: an account, in the fields of a TorBox customer."""

from starlette.responses import Response

from doors.torbox.context import TorboxContext
from doors.torbox.envelope import success
from doors.torbox.shapes import auth_id, date

# Clients use the plan and its expiry to tell whether the account may download.
_PLAN = 2
_NEVER = "2099-12-31T23:59:59Z"


async def me(context: TorboxContext) -> Response:
    """Answer the account itself, with `settings` where the parameter says so."""
    user = context.user
    data: dict[str, object] = {
        "id": user.id,
        "auth_id": auth_id(user.id),
        "created_at": date(user.joined),
        "updated_at": date(user.seen or user.joined),
        "email": user.name,
        "base_email": user.name,
        "plan": _PLAN,
        "is_subscribed": True,
        "premium_expires_at": _NEVER,
        "customer": "",
        "server": 0,
        "total_downloaded": context.services.downloads.downloads.received(user.id),
        "additional_concurrent_slots": 0,
        "long_term_seeding": False,
        "long_term_storage": False,
        "user_referral": "",
    }
    if context.query.flag("settings"):
        data["settings"] = {"seed_torrents": 1, "allow_zipped": True}
    return success(data, "User retrieved successfully.")
