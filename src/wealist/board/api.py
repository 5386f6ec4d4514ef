"""What the composition root wires into the services below (ops may read from here, too)."""

from wealist.board.farewell import forget_member, forget_workspace
from wealist.board.live import frame

__all__ = ["forget_member", "forget_workspace", "frame"]
