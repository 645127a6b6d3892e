"""Commands for the downloads of accounts: jobs list, jobs cancel."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import click

from bittorrent.refusal import Refusal
from peerage.commands.account_names import find_account
from peerage.commands.command import Command
from peerage.commands.terminal import print_each

if TYPE_CHECKING:
    from accounts.model import Principal
    from downloads.model import Job
    from peerage.wiring.application import Application


@dataclass(frozen=True, slots=True)
class ListJobs:
    """Show the downloads of an account, or all, the oldest first."""

    name: Annotated[str | None, click.Argument(["name"], metavar="[NAME]", required=False)] = None


@dataclass(frozen=True, slots=True)
class CancelJob:
    """Cancel a download, and delete its content if no other account has it."""

    job: Annotated[int, click.Argument(["job"], metavar="ID", type=click.IntRange(min=1))]


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A download: `progress` from 0 to 1, rates in bytes per second, `created` in unix seconds."""

    id: int
    account: str
    infohash: str
    name: str
    state: str
    queued: bool
    paused: bool
    progress: float
    size: int
    down_rate: int
    up_rate: int
    created: int
    error: str


async def _list(
    application: "Application", _operator: "Principal", arguments: ListJobs
) -> AsyncIterator[JobRecord]:
    await application.load_jobs()
    downloads = application.jobs
    account = None if arguments.name is None else (await find_account(application, arguments.name)).id
    jobs = await downloads.every_job() if account is None else await downloads.all_jobs(account)
    owners = await application.accounts.accounts.users_by_id([job.account for job in jobs])
    for job in jobs:
        owner = owners.get(job.account)
        yield _record(job, owner.name if owner is not None else "")


async def _cancel(
    application: "Application", _operator: "Principal", arguments: CancelJob
) -> AsyncIterator[JobRecord]:
    await application.load_jobs()
    downloads = application.jobs
    found = next((job for job in await downloads.every_job() if job.id == arguments.job), None)
    if found is None:
        raise Refusal("not-found", "no download has that number")
    await downloads.delete(found.account, found.id)
    owner = await application.accounts.accounts.user(found.account)
    yield _record(found, owner.name if owner is not None else "")


def _record(job: "Job", account: str) -> JobRecord:
    status = job.status
    return JobRecord(
        id=job.id,
        account=account,
        infohash=job.content.key.infohash.upper,
        name=job.name,
        state=status.state.value,
        queued=job.queued,
        paused=job.paused,
        progress=round(status.progress, 4),
        size=job.content.size or 0,
        down_rate=status.down_rate,
        up_rate=status.up_rate,
        created=job.created,
        error=status.error,
    )


async def _show(_arguments: ListJobs | CancelJob, records: AsyncIterator[JobRecord]) -> bool:
    from peerage.setting_values import format_size  # noqa: PLC0415 - not for --help

    def line(each: JobRecord) -> str:
        state = "queued" if each.queued else "paused" if each.paused else each.state
        rate = f"{format_size(each.down_rate)}/s" if each.down_rate else ""
        return (
            f"{each.id:>5}  {each.account:<16}  {state:<20}  {each.progress:>6.1%} of {format_size(each.size):>9}  "
            f"{rate:>12}  {each.name}  {each.error}"
        ).rstrip()

    return await print_each(records, line)


LIST_JOBS = Command(
    path=("jobs", "list"), arguments=ListJobs, record=JobRecord, run=_list, show=_show, starts=False
)
CANCEL_JOB = Command(
    path=("jobs", "cancel"), arguments=CancelJob, record=JobRecord, run=_cancel, show=_show, starts=False
)
