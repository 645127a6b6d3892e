"""What tells of the application: versions, preferences, rates, and everything at once for clients that poll."""

import asyncio

from starlette.responses import Response

from doors.qbittorrent.context import QbittorrentContext, as_json, text
from doors.qbittorrent.listing import label_names, torrents_of
from doors.qbittorrent.shapes import JsonObject, category
from doors.qbittorrent.sync_states import MainData
from downloads.model import Job
from downloads.store import LabelKind

VERSION = "v4.6.7"
API_VERSION = "2.9.3"
"""What the answers are as of: the last before `paused` was called `stopped`, which older clients do not know."""
_PAUSE = 0  # what happens to a torrent that has seeded enough


async def version(context: QbittorrentContext) -> Response:
    """Answer the version of qBittorrent that this speaks like."""
    return text(VERSION)


async def api_version(context: QbittorrentContext) -> Response:
    """Answer the version of its API."""
    return text(API_VERSION)


async def build_info(context: QbittorrentContext) -> Response:
    """Answer of what qBittorrent would be made."""
    return as_json(
        {
            "bitness": 64,
            "boost": "",
            "libtorrent": "",
            "openssl": "",
            "platform": "linux",
            "qt": "",
            "zlib": "",
        }
    )


async def default_save_path(context: QbittorrentContext) -> Response:
    """Answer where programs see the account's content."""
    return text(f"{context.services.qbittorrent_terms.save_path}/{context.user.name}")


async def preferences(context: QbittorrentContext) -> Response:
    """Answer the settings that clients ask for, as they are in force here."""
    limits, terms = context.services.download_limits, context.services.qbittorrent_terms
    return as_json(
        {
            "add_trackers_enabled": False,
            "auto_tmm_enabled": False,
            "dht": terms.dht,
            "dl_limit": terms.down_rate,
            "locale": "en",
            "max_active_downloads": limits.slots,
            "max_active_torrents": limits.held,
            "max_active_uploads": limits.held,
            "max_inactive_seeding_time": -1,
            "max_inactive_seeding_time_enabled": False,
            "max_ratio": limits.seed_ratio if limits.seed else 0.0,
            "max_ratio_act": _PAUSE,
            "max_ratio_enabled": True,
            "max_seeding_time": limits.seed_time // 60,
            "max_seeding_time_enabled": True,
            "queueing_enabled": True,
            "save_path": f"{terms.save_path}/{context.user.name}",
            "temp_path_enabled": False,
            "torrent_content_layout": "Original",
            "up_limit": terms.up_rate,
        }
    )


async def transfer_info(context: QbittorrentContext) -> Response:
    """Answer the rates of the account's torrents."""
    return as_json(_transfer(context, await context.downloads.all_jobs(context.user.id)))


async def limits_mode(context: QbittorrentContext) -> Response:
    """Answer that there are no alternative limits."""
    return text("0")


async def main_data(context: QbittorrentContext) -> Response:
    """Answer everything, or what is another since the answer that `rid` names."""
    jobs = await context.downloads.all_jobs(context.user.id)
    torrents = {str(each["hash"]): each for each in await torrents_of(context, jobs)}
    kept = await label_names(context, LabelKind.CATEGORY)
    tags = await label_names(context, LabelKind.TAG)
    principal = context.principal
    client = context.user.id, principal.key.id if principal.key is not None else None, principal.session
    number = context.parameters.integer("rid")

    def build() -> Response:
        named = {name: category(name) for name in kept}
        server = _transfer(context, jobs) | {
            "free_space_on_disk": max(
                0, context.services.download_limits.account_quota - sum(job.content.size for job in jobs)
            ),
            "queueing": True,
            "refresh_interval": 1500,
            "use_alt_speed_limits": False,
        }
        return as_json(context.states.answer(client, number, MainData(torrents, named, tags, server)))

    return await asyncio.to_thread(build)


def _transfer(context: QbittorrentContext, jobs: list[Job]) -> JsonObject:
    terms = context.services.qbittorrent_terms
    return {
        "connection_status": "connected",
        "dht_nodes": 0,
        "dl_info_data": sum(job.status.downloaded for job in jobs),
        "dl_info_speed": sum(job.status.down_rate for job in jobs if not job.content.complete),
        "dl_rate_limit": terms.down_rate,
        "up_info_data": sum(job.status.uploaded for job in jobs),
        "up_info_speed": sum(job.status.up_rate for job in jobs),
        "up_rate_limit": terms.up_rate,
    }
