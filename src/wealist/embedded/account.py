"""Running PostgreSQL, which refuses root, when weAlist itself was started as root."""

import os
import pwd
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from wealist.embedded.process import Account, EmbeddedError

_READ = 0o4
_ENTER = 0o1
_SERVER_PROGRAMS = ("initdb", "postgres")
SCRATCH_PREFIX = "wealist-"


def account_for(cluster: Path) -> Account | None:
    """Whom the server of this data directory runs as: None is ourselves, unless we are root.

    For root it is the owner of the directory, else the owner of its parent (somebody's own
    folder, served with sudo), else `nobody`. EmbeddedError where there's none of them.
    """
    if os.geteuid() != 0:
        return None
    if sys.platform != "linux":
        raise EmbeddedError(
            "PostgreSQL refuses to run as root: start weAlist as an ordinary user, "
            "or set DATABASE_URL."
        )
    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    parent = cluster.parent.stat().st_uid
    try:
        # initdb wants its user to have a name, which the owner of a container's volume may lack.
        entry = pwd.getpwuid(parent) if parent and _named(parent) else pwd.getpwnam("nobody")
    except KeyError as error:
        raise EmbeddedError(
            "PostgreSQL refuses to run as root and this system has no user `nobody`: "
            "start weAlist as an ordinary user, or set DATABASE_URL."
        ) from error
    return Account(entry.pw_uid, entry.pw_gid)


def _named(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def give(folder: Path, account: Account) -> None:
    """Make `account` the owner of a folder and all beneath it (a copy made by root is root's)."""
    os.chown(folder, account.uid, account.gid, follow_symlinks=False)
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(parent, name)  # noqa: PTH118 - a thousand files, quickly
            os.chown(path, account.uid, account.gid, follow_symlinks=False)


def reachable(path: Path) -> bool:
    """Whether everybody may read `path` and enter all folders above it.

    Looks at the plain mode bits only; a no is harmless, it costs a copy.
    """
    real = path.resolve()
    if not real.stat().st_mode & _READ:
        return False
    return all(parent.stat().st_mode & _ENTER for parent in real.parents)


def scratch_places() -> list[Path]:
    """Where short-lived folders may lie, the best first."""
    places = [tempfile.gettempdir(), "/run", "/var/tmp", "/tmp"]  # noqa: S108 - used by mkdtemp
    return [Path(place) for place in places]


def scratch(*, public_for: Path | None = None) -> Path:
    """A new folder with a short path, which the caller removes; only its owner can enter it.

    With `public_for` it's one in which everybody can run a copy of that file, if possible on the
    same file system. EmbeddedError when no place on this machine allows it.
    """
    places = scratch_places()
    if public_for is not None:
        device = public_for.stat().st_dev
        places = [place for place in places if _open_to_others(place)]
        places.sort(key=lambda place: place.stat().st_dev != device)
    for place in places:
        try:
            folder = Path(tempfile.mkdtemp(prefix=SCRATCH_PREFIX, dir=place))
        except OSError:
            continue
        if public_for is not None:
            folder.chmod(0o711)
        return folder
    raise EmbeddedError("no temporary folder can be written: set TMPDIR to one that can.")


def _open_to_others(base: Path) -> bool:
    if not base.is_dir():
        return False
    noexec = os.statvfs(base).f_flag & getattr(os, "ST_NOEXEC", 0)
    return not noexec and reachable(base)


def readable_copy(install: Path, into: Path) -> Path:
    """Hard-link or copy what a server needs of `…/package/pginstall` into a public folder.

    For a virtual environment in a folder closed to others, such as root's home: PostgreSQL
    resolves its own path at each start and must be able to walk it, so a file descriptor won't do.
    Keeps the wheel's layout, because the programs find their libraries by relative paths.
    """
    package = install.parent
    for source in _server_files(install):
        target = into / source.relative_to(package.parent)
        _public_folder(target.parent, into)
        _public_file(source, target)
    return into / install.relative_to(package.parent)


def _server_files(install: Path) -> Iterator[Path]:
    package = install.parent
    roots = [install / "lib", install / "share", package.with_name(f"{package.name}.libs")]
    yield from (install / "bin" / name for name in _SERVER_PROGRAMS)
    for root in roots:
        for path in root.rglob("*"):
            if path.is_file() and path.suffix != ".a" and "pgxs" not in path.parts:
                yield path


def _public_folder(folder: Path, root: Path) -> None:
    if folder == root or folder.exists():
        return
    _public_folder(folder.parent, root)
    folder.mkdir()
    folder.chmod(0o755)


def _public_file(source: Path, target: Path) -> None:
    mode = source.stat().st_mode
    if mode & _READ:
        try:
            target.hardlink_to(source)
        except OSError:  # another file system
            pass
        else:
            return
    shutil.copyfile(source, target)
    target.chmod(0o755 if mode & stat.S_IXUSR else 0o644)
