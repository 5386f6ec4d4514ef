"""The chat service over HTTP and WebSocket."""

from litestar import Router

from wealist.chat.file_routes import handlers as file_handlers
from wealist.chat.live import BAD_ID
from wealist.chat.live import handlers as live_handlers
from wealist.chat.message_routes import handlers as message_handlers
from wealist.chat.presence_routes import handlers as presence_handlers
from wealist.chat.room_routes import handlers as room_handlers
from wealist.core import health

router = Router(
    "/svc/chat",
    tags=["chat"],
    opt={"bad_id": BAD_ID},
    route_handlers=[
        *health.go_routes("chat", "/api/chats"),
        *room_handlers,
        *message_handlers,
        *presence_handlers,
        *file_handlers,
        *live_handlers,
    ],
)
