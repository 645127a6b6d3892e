"""The files of a torrent as a tree of folders with their sizes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from catalogue.model import CatalogueFile

DEEPEST = 12
"""Folders in each other; what lies deeper is shown with its path."""


@dataclass(slots=True)
class Folder:
    """A folder: the bytes and files in it and below, of the whole torrent, and those of its files that are shown."""

    name: str
    size: int = 0
    count: int = 0
    folders: dict[str, "Folder"] = field(default_factory=dict)
    files: list[tuple[str, int]] = field(default_factory=list)


def file_tree(every: Iterable[CatalogueFile], shown: Sequence[CatalogueFile]) -> Folder:
    """Return the tree of the files that are shown; sizes and counts of folders are of every file."""
    root = Folder("")
    for file in shown:
        folders, name = _split(file.path)
        _folder(root, folders).files.append((name, file.size))
    for file in every:
        _count(root, _split(file.path)[0], file.size)
    return root


def matching(files: Iterable[CatalogueFile], text: str) -> list[CatalogueFile]:
    """Return the files whose path holds every word of a text, without regard to case."""
    words = text.casefold().split()
    return [file for file in files if all(word in file.path.casefold() for word in words)]


def _split(path: str) -> tuple[list[str], str]:
    *folders, name = path.split("/", DEEPEST)
    return folders, name


def _folder(root: Folder, names: Sequence[str]) -> Folder:
    found = root
    for name in names:
        found = found.folders.setdefault(name, Folder(name))
    return found


def _count(root: Folder, names: Sequence[str], size: int) -> None:
    """Add a file to the folders that it lies in, as far as they are shown."""
    found: Folder | None = root
    left = iter(names)
    while found is not None:
        found.size += size
        found.count += 1
        name = next(left, None)
        found = found.folders.get(name) if name is not None else None
