"""Checks of the data folder: rights, owner, room, and whether its file system keeps what was synced."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from actions.diagnosis import Finding, Grade
from peerage.diagnosis.examined import Examined
from peerage.setting_values import format_size
from storage.data_folder import RESTORING

_OTHERS = 0o077
_IN_MEMORY = {"tmpfs", "ramfs"}
_SHARED = {"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "fuse.glusterfs", "ceph", "vboxsf", "drvfs"}
_UNSAFE_OPTIONS = {"nobarrier", "barrier=0", "nosync"}
_SYNCS = 16
_BLOCK = 4096
_TOO_FAST = 20e-6  # seconds of a sync: a disk with a protected cache takes more
_WARN_FACTOR = 4
_CLOCK_SLACK = 120


def examine_folder(examined: Examined) -> Iterator[Finding]:
    """Find who owns the folder, who may read it, and what was left unfinished."""
    folder = examined.folder
    if not folder.path.is_dir():
        remedy = "Start the service, which makes it, or name another with --data or in the settings."
        yield Finding("data folder", Grade.PROBLEM, f"{folder.path} is not there", remedy)
        return
    found = folder.path.stat()
    if found.st_uid != os.geteuid():
        yield Finding(
            "data folder",
            Grade.NOTE if os.geteuid() == 0 else Grade.PROBLEM,
            f"{folder.path} belongs to user {found.st_uid}, and this is user {os.geteuid()}",
            "" if os.geteuid() == 0 else "Run this as the user of the service.",
        )
    strangers = [path for path in folder.own_files() if path.exists() and path.lstat().st_uid != found.st_uid]
    if strangers:
        names = ", ".join(path.name for path in strangers)
        remedy = f"As root: chown -R --reference={folder.path} {folder.path}"
        yield Finding("data folder", Grade.PROBLEM, f"{names} belong to another user", remedy)
    open_to_others = [path for path in (folder.path, *folder.own_files()) if _is_open(path)]
    if open_to_others:
        names = ", ".join(path.name for path in open_to_others)
        remedy = f"chmod -R go= {folder.path}; the service does that for its own files when it starts."
        yield Finding("data folder", Grade.WARNING, f"others may read {names}", remedy)
    if (folder.path / RESTORING).exists():
        remedy = "Run `peerage restore` again; until then the service does not start."
        yield Finding("data folder", Grade.PROBLEM, "a restore was interrupted", remedy)
    if not strangers and not open_to_others:
        yield Finding("data folder", Grade.GOOD, f"{folder.path} is its user's alone")


def examine_room(examined: Examined) -> Iterator[Finding]:
    """Find how much room the disks of the folder and of the downloads have."""
    settings, folder = examined.settings, examined.folder
    wanted = {folder.path: settings.cache.min_free_disk}
    if settings.downloads.enabled:
        wanted[settings.downloads.folder or folder.downloads] = settings.downloads.min_free_disk
    for path, floor in wanted.items():
        if not path.is_dir():
            continue
        found = os.statvfs(path)
        free, total = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
        said = f"{format_size(free)} of {format_size(total)} are free for {path}"
        if free < floor:
            remedy = f"Make room: uploads are refused below {format_size(floor)} (min_free_disk)."
            yield Finding("space", Grade.PROBLEM, said, remedy)
        elif free < floor * _WARN_FACTOR or free < total // 20:
            yield Finding("space", Grade.WARNING, said, "Make room, or `peerage vacuum`, before it is full.")
        else:
            yield Finding("space", Grade.GOOD, said)
        if found.f_files and found.f_favail < found.f_files // 20:
            remedy = "Make room for more files: every .torrent is one."
            yield Finding("space", Grade.WARNING, f"{path} has {found.f_favail:,} inodes left", remedy)


def examine_cache(examined: Examined) -> Iterator[Finding]:
    """Find how full the cache of the running service is, and what goes when it is."""
    room = examined.service.room if examined.service is not None else None
    if room is None:
        return
    fill, terms = room.fill, room.terms
    said = f"{min(fill.share, 1):.0%} of it are taken, by {fill.files:,} files of {format_size(fill.stored)}"
    larger = "Raise cache.max_bytes and cache.max_files, or give it a larger disk"
    if not room.filling:
        yield Finding("cache", Grade.GOOD, said)
        return
    could_go = (
        f"{room.files:,} torrents of {format_size(room.stored)} that nobody asked for in {terms.days} days"
    )
    if terms.when_full.value == "refuse":
        text = f"{said}: uploads are refused when it is full"
        remedy = f'{larger}; or set cache.when_full = "unasked": then {could_go} may go.'
        yield Finding("cache", Grade.WARNING, text, remedy)
    elif room.suffices:
        text = f"{said}: from 98 % on the oldest of {could_go} go (peerage room shows which)"
        yield Finding("cache", Grade.NOTE, text)
    else:
        text = f"{said}, and no more than {could_go} may go: uploads will be refused"
        yield Finding("cache", Grade.WARNING, text, f"{larger}, or lower cache.unasked_days.")


def examine_file_system(examined: Examined) -> Iterator[Finding]:
    """Find whether the file system of the folder keeps what was synced, and can be locked."""
    path = examined.folder.path
    if not path.is_dir():
        return
    kind, options = _mount(examined.text("proc/self/mounts"), path)
    if kind in _IN_MEMORY:
        remedy = "Move the data folder to a disk."
        yield Finding(
            "file system", Grade.PROBLEM, f"{path} is in memory ({kind}): a restart loses it", remedy
        )
    elif kind in _SHARED:
        remedy = "Move the data folder to a local disk: SQLite's log and locks need one."
        yield Finding("file system", Grade.PROBLEM, f"{path} is on a shared file system ({kind})", remedy)
    elif unsafe := options & _UNSAFE_OPTIONS:
        remedy = "Mount it without: after a power cut what was answered with success would be lost."
        yield Finding("file system", Grade.PROBLEM, f"it is mounted with {', '.join(sorted(unsafe))}", remedy)
    else:
        yield from _examine_syncs(path, kind or "an unknown file system", examined.timer)


def examine_clock(examined: Examined) -> Iterator[Finding]:
    """Find whether the clock is kept in step, and whether it went back."""
    from peerage.diagnosis.clock import clock_in_step  # noqa: PLC0415 - ctypes is for this alone

    folder = examined.folder
    ahead = [
        path.name
        for path in folder.own_files()
        if path.exists() and path.stat().st_mtime > examined.now + _CLOCK_SLACK
    ]
    in_step = clock_in_step()
    if ahead:
        remedy = "Set the clock: keys, links and the census go by it."
        yield Finding("clock", Grade.PROBLEM, f"{', '.join(ahead)} was written in the future", remedy)
    elif in_step is False:
        remedy = "Run a time service, such as systemd-timesyncd or chrony: timedatectl set-ntp true"
        yield Finding("clock", Grade.WARNING, "the kernel's clock is not kept in step", remedy)
    elif in_step is None:
        yield Finding("clock", Grade.NOTE, "the kernel does not tell whether its clock is kept in step")
    else:
        yield Finding("clock", Grade.GOOD, "the clock is kept in step")


def _is_open(path: Path) -> bool:
    if not path.exists() or path.is_symlink():
        return False
    return bool(stat.S_IMODE(path.stat().st_mode) & _OTHERS)


def _mount(mounts: str, path: Path) -> tuple[str, set[str]]:
    """Return the kind and the options of the file system that a path is on, by /proc/mounts."""
    real, best = path.resolve(), ("", "", "")
    for line in mounts.splitlines():
        parts = line.split()
        if len(parts) < 4:
            continue
        point = parts[1].encode().decode("unicode_escape")
        if real.is_relative_to(point) and len(point) >= len(best[0]):
            best = (point, parts[2], parts[3])
    return best[1], set(best[2].split(","))


def _examine_syncs(path: Path, kind: str, timer: Callable[[], float]) -> Iterator[Finding]:
    """Time some syncs. OSError: the folder cannot be written."""
    probe = path / ".probe-doctor"
    times = []
    file = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        for number in range(_SYNCS):
            os.pwrite(file, bytes([number]) * _BLOCK, 0)
            began = timer()
            os.fdatasync(file)
            times.append(timer() - began)
    finally:
        os.close(file)
        probe.unlink(missing_ok=True)
    middle = sorted(times)[_SYNCS // 2]
    said = f"a sync to {kind} takes {middle * 1000:.3g} ms"
    if middle < _TOO_FAST:
        yield Finding(
            "file system",
            Grade.WARNING,
            f"{said}: faster than a disk, so that what was synced may be lost with the power",
            "See that neither the disk, its controller nor a virtual machine's cache=unsafe swallows syncs.",
        )
    elif middle > 0.1:
        remedy = "Every upload waits for syncs: move the data folder to a faster disk."
        yield Finding("file system", Grade.WARNING, said, remedy)
    else:
        yield Finding("file system", Grade.GOOD, said)
