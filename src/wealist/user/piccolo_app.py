"""The user service for Piccolo."""

from piccolo.conf.apps import AppConfig

from wealist.core.migrate import folder
from wealist.user.tables import TABLES

APP_CONFIG = AppConfig(
    app_name="user", migrations_folder_path=str(folder("user")), table_classes=TABLES
)
