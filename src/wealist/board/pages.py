"""A page of a long list, as board answers it."""

from typing import Any

from litestar import Response

from wealist.core.pages import Page
from wealist.core.wire import answer

NEXT = "X-Next-Cursor"


def paged(page: Page[Any]) -> Response[Any]:
    """The answer with a page: a list like any other, and `X-Next-Cursor` unless it is the last."""
    headers = {NEXT: page.cursor} if page.cursor is not None else {}
    return Response(answer(page.rows), headers=headers)
