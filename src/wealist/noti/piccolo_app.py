"""The notification service for Piccolo."""

from piccolo.conf.apps import AppConfig

from wealist.core.migrate import folder
from wealist.noti.delivery_tables import DELIVERY_TABLES
from wealist.noti.tables import TABLES

APP_CONFIG = AppConfig(
    app_name="noti",
    migrations_folder_path=str(folder("noti")),
    table_classes=[*TABLES, *DELIVERY_TABLES],
)
