"""A storm over live boards, rooms and bells: everything that can fail does, while people write and
listen.

Two replicas, one PostgreSQL, one Valkey, all real processes. In turn a replica is killed (-9) and
replaced, Valkey dies and comes back empty, PostgreSQL restarts, and a member is removed; one
client never reads. At the end every reader must have had every event once and in order, and none
of what isn't his; no acknowledged write may be missing or there twice; everybody must have been
told of each mention and assignment once; the removed member must have heard nothing after it, and
the client that never reads must have been let go.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from time import monotonic

from tests.chaos.bells import Bells
from tests.chaos.boards import Boards
from tests.chaos.installation import Installation
from tests.chaos.rooms import Rooms
from tests.chaos.scene import Outcome, Scene, Size
from wealist.doctor.realtime.account import RefusedError

Say = Callable[[str], None]


class Storm:
    """One storm over one workspace."""

    def __init__(self, size: Size, folder: Path, private_key: str, say: Say) -> None:
        self._installation = Installation(folder, private_key)
        self._scene = Scene(size, self._installation.urls)
        self._boards = Boards(self._scene)
        self._rooms = Rooms(self._scene)
        self._bells = Bells(self._scene, self._rooms)
        self._say = say

    async def run(self) -> Outcome:
        """Let it blow, and look at what is left."""
        began = monotonic()
        async with AsyncExitStack() as stack:
            await self._installation.start(stack)
            await self._scene.gather(stack)
            for part in (self._boards, self._rooms, self._bells):
                await part.begin(stack)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._faults())
                tasks.create_task(self._work())
                for work in (self._rooms.talk, self._rooms.intrude, self._bells.assign):
                    tasks.create_task(work())
            await self._boards.drown(self._installation.replicas[0])
            for part in (self._boards, self._rooms, self._bells):
                await part.judge()
        self._scene.outcome.seconds = monotonic() - began
        return self._scene.outcome

    async def _work(self) -> None:
        await self._boards.write()
        self._scene.over = True

    async def _faults(self) -> None:
        scene, installation = self._scene, self._installation
        for share, what, fault in (
            (0.15, "a replica is killed and replaced", installation.kill_a_replica),
            (0.35, "Valkey dies and comes back empty", self._restart_valkey),
            (0.60, "PostgreSQL restarts", installation.restart_postgres),
            (0.80, "a member is removed", self._remove_guest),
        ):
            while scene.share < share:
                await asyncio.sleep(0.02)
            self._say(f"{len(self._boards.acknowledged):>6} comments: {what}")
            await fault()
        self._boards.enough_soon()

    async def _restart_valkey(self) -> None:
        await self._installation.restart_valkey(self._scene.size.valkey_away)

    async def _remove_guest(self) -> None:
        scene = self._scene
        path = f"/svc/user/api/workspaces/{scene.scratch.workspace_id}/members/{scene.membership}"
        try:
            await scene.insist(scene.owner, "DELETE", path)
        except RefusedError as error:
            if error.status != 404:  # 404: it was done, and the answer got lost
                raise
