"""Where Piccolo finds the engine and the apps (`PICCOLO_CONF=wealist.piccolo_conf`)."""

from piccolo.conf.apps import AppRegistry

from wealist.core.db import engine as DB  # noqa: N812  # the name Piccolo looks for
from wealist.core.migrate import APPS

APP_REGISTRY = AppRegistry(apps=[f"wealist.{app}.piccolo_app" for app in APPS])

__all__ = ["APP_REGISTRY", "DB"]
