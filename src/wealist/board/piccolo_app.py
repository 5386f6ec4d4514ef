"""The board service for Piccolo."""

from piccolo.conf.apps import AppConfig

from wealist.board.tables import TABLES
from wealist.core.migrate import folder

APP_CONFIG = AppConfig(
    app_name="board", migrations_folder_path=str(folder("board")), table_classes=TABLES
)
