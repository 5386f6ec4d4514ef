"""What the composition root wires into the services beside and below."""

from wealist.chat.following import (
    project_gone,
    project_member_come,
    project_member_gone,
    workspace_gone,
    workspace_member_come,
    workspace_member_gone,
)
from wealist.chat.frames import frame
from wealist.chat.mentions import among as participants_among
from wealist.chat.presence import changed as presence_changed
from wealist.chat.projects import use as use_projects

__all__ = [
    "frame",
    "participants_among",
    "presence_changed",
    "project_gone",
    "project_member_come",
    "project_member_gone",
    "use_projects",
    "workspace_gone",
    "workspace_member_come",
    "workspace_member_gone",
]
