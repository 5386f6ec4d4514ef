"""The chat service for Piccolo."""

from piccolo.conf.apps import AppConfig

from wealist.chat.tables import TABLES
from wealist.core.migrate import folder

APP_CONFIG = AppConfig(
    app_name="chat", migrations_folder_path=str(folder("chat")), table_classes=TABLES
)
