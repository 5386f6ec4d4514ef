"""The files behind the local object store; everything here blocks and runs in threads.

Each object is one file: a header of 512 bytes with its type and etag, then the content, so that a
single rename or link publishes all of it. A file is named like the last part of its key with `@`
behind it, and drafts live in `~drafts`; neither character occurs in keys, so nothing can collide.
"""

import contextlib
import hashlib
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from wealist.core.errors import Conflict
from wealist.core.objects import Page, Stored

HEADER = 512
STALE_SECONDS = 3600
PUBLISH_TRIES = 50


class _Header(Struct, frozen=True):
    content_type: str
    etag: str


def already_uploaded() -> Conflict:
    """The answer to a second upload over one link."""
    return Conflict("this file has been uploaded already; ask for a new link to upload another")


class Files:
    """The objects below `root`; keys are checked by the caller."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.drafts = root / "~drafts"

    def stored(self, key: str) -> Stored | None:
        """What `head` answers."""
        found = self.open(key)
        if found is None:
            return None
        stored, file = found
        file.close()
        return stored

    def open(self, key: str) -> tuple[Stored, BinaryIO] | None:
        """The object and its file, standing at the first byte of the content. It stays readable
        when the object is replaced or deleted meanwhile. The caller closes it."""
        try:
            file = self.path(key).open("rb")
        except FileNotFoundError:
            return None
        try:
            header = msgspec.json.decode(file.read(HEADER), type=_Header)
            status = os.fstat(file.fileno())
            stored = Stored(
                key=key,
                size=status.st_size - HEADER,
                content_type=header.content_type,
                etag=header.etag,
                modified=datetime.fromtimestamp(status.st_mtime, UTC),
            )
        except BaseException:
            file.close()
            raise
        return stored, file

    def read(self, key: str) -> bytes | None:
        """The whole content."""
        found = self.open(key)
        if found is None:
            return None
        with found[1] as file:
            return file.read()

    def write(self, key: str, data: bytes, content_type: str) -> None:
        """Create or replace an object."""
        draft = Draft(self)
        try:
            draft.write(data)
            draft.publish(key, content_type)
        finally:
            draft.discard()

    def remove(self, keys: Iterable[str]) -> None:
        """Remove objects and the directories that become empty."""
        for key in keys:
            path = self.path(key)
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                for parent in path.parents:
                    if parent == self.root:
                        break
                    parent.rmdir()

    def page(self, prefix: str, after: str, limit: int) -> Page:
        """At most `limit` objects behind `after`, in the order of their keys, without types."""
        page: Page = []
        for key in _walk(self.root, "", prefix, after):
            stored = self.stored(key)
            if stored is not None:
                page.append(msgspec.structs.replace(stored, content_type=""))
            if len(page) == limit:
                break
        return page

    def forget_stale_drafts(self) -> None:
        """Remove what uploads left behind when the process was killed."""
        self.drafts.mkdir(mode=0o700, parents=True, exist_ok=True)
        for draft in self.drafts.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if draft.stat().st_mtime < time.time() - STALE_SECONDS:
                    draft.unlink()

    def path(self, key: str) -> Path:
        return self.root / f"{key}@"


class Draft:
    """An object that nobody sees yet: written piece by piece, then published or discarded."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._path = files.drafts / secrets.token_hex(16)
        # Buffered on purpose: its lock makes `discard` safe while a write is still running.
        self._file = self._path.open("xb")
        self._hash = hashlib.md5(usedforsecurity=False)
        self._file.write(b" " * HEADER)

    def write(self, data: bytes | bytearray) -> None:
        self._hash.update(data)
        self._file.write(data)

    def publish(self, key: str, content_type: str, *, replace: bool = True) -> str:
        """Make it the object of `key`, safe against a crash from now on. Returns the etag.

        Without `replace` an object that exists stays: raises `Conflict`.
        """
        etag = self._hash.hexdigest()
        header = msgspec.json.encode(_Header(content_type, etag))
        self._file.seek(0)
        self._file.write(header.ljust(HEADER))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        path = self._files.path(key)
        for left in reversed(range(PUBLISH_TRIES)):
            try:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._move(path, replace=replace)
                break
            except (FileNotFoundError, FileExistsError):
                # `remove`, maybe of another process, took the empty directory in between.
                if not left:
                    raise
        _sync_directory(path.parent)
        return etag

    def _move(self, path: Path, *, replace: bool) -> None:
        if replace:
            self._path.replace(path)
            return
        try:
            os.link(self._path, path)  # unlike a rename it fails when the name is taken
        except FileExistsError as error:
            raise already_uploaded() from error
        self._path.unlink()

    def discard(self) -> None:
        """Leave nothing behind; without effect after `publish`."""
        with contextlib.suppress(OSError):
            self._file.close()
        self._path.unlink(missing_ok=True)


def _sync_directory(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        directory = os.open(path, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _walk(directory: Path, at: str, prefix: str, after: str) -> Iterator[str]:
    """Keys in byte order, as S3 lists them. `at` is the key prefix of `directory`.

    A directory sorts as its name with `/`, which is where the keys below it belong.
    """
    names = []
    with contextlib.suppress(FileNotFoundError), os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.endswith("@"):
                names.append((at + entry.name[:-1], ""))
            elif entry.name != "~drafts" and entry.is_dir():
                names.append((f"{at}{entry.name}/", entry.path))
    for name, path in sorted(names, key=itemgetter(0)):
        if not path:
            if name > after and name.startswith(prefix):
                yield name
        elif (name.startswith(prefix) or prefix.startswith(name)) and (
            name > after or after.startswith(name)
        ):
            yield from _walk(Path(path), name, prefix, after)
