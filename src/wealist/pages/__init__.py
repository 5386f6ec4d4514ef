"""The pages that a person sees without a frontend: a companion to it, made for self-hosters.

A *page* is HTML: the welcome page, the end of a sign-in, the API reference. An *asset* is what
pages load. All of them are files of `static/`, sent as they are: no build step, no templates,
nothing inline, nothing from another host. What pages do, they do over the same public API as
any other client.
"""

from wealist.pages.routes import handlers

__all__ = ["handlers"]
