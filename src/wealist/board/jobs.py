"""Background work of the board service."""

from wealist.board import due, trash, uploads
from wealist.core import db, metrics
from wealist.core.jobs import Job


async def measure() -> str:
    """Bring the gauges of the contract (board.md §1.6) up to date."""
    projects, boards = await db.fetch_value(
        """
        SELECT array[(SELECT count(*) FROM board.projects),
                     (SELECT count(*) FROM board.boards WHERE deleted_at IS NULL)]
        """
    )
    metrics.set_gauge("board_service_projects_total", projects)
    metrics.set_gauge("board_service_boards_total", boards)
    return "measured"


JOBS = [
    Job("board.due", 300, due.announce),
    Job("board.trash", 3600, trash.purge),
    Job("board.uploads.unused", 600, uploads.drop_expired),
    Job("board.uploads.orphans", 24 * 3600, uploads.reconcile),
    Job("board.gauges", 60, measure, leased=False),
]
