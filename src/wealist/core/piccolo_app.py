"""The core for Piccolo: migrations only, since its tables are read and written in SQL."""

from piccolo.conf.apps import AppConfig

from wealist.core.migrate import folder

APP_CONFIG = AppConfig(app_name="core", migrations_folder_path=str(folder("core")))
