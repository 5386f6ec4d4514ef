"""What the composition root wires into the services below (ops may read from here, too)."""

from wealist.board.farewell import forget_member, forget_workspace
from wealist.board.hooks import on_member_come, on_member_gone, on_project_gone
from wealist.board.live import frame
from wealist.board.project_queries import people_of as people_of_project

__all__ = [
    "forget_member",
    "forget_workspace",
    "frame",
    "on_member_come",
    "on_member_gone",
    "on_project_gone",
    "people_of_project",
]
