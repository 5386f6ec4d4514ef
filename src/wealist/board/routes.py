"""The board service over HTTP and WebSocket."""

from litestar import Router

from wealist.board.attachment_routes import handlers as attachment_handlers
from wealist.board.board_routes import handlers as board_handlers
from wealist.board.comment_routes import handlers as comment_handlers
from wealist.board.field_routes import handlers as field_handlers
from wealist.board.live import handlers as live_handlers
from wealist.board.project_routes import handlers as project_handlers
from wealist.core import health

router = Router(
    "/svc/board",
    tags=["board"],
    route_handlers=[
        *health.go_routes("board", ""),
        *project_handlers,
        *field_handlers,
        *board_handlers,
        *comment_handlers,
        *attachment_handlers,
        *live_handlers,
    ],
)
