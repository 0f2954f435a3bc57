# The newer release's migration: one more column of LangFlow's own table `flow`, its model and its Alembic revision.
# Before it the database is copied, as whoever upgrades should do; put_back.py puts the copy back.
def _newer_release():
    import contextlib
    import importlib.abc
    import importlib.machinery
    import os
    import sqlite3
    import sys
    import tempfile

    column, revision = "release_channel", "f10d1ed0a4ead"

    def database():
        url = os.environ.get("LANGFLOW_DATABASE_URL", "")
        scheme, slashes, path = url.partition(":////")
        if not slashes or not scheme.startswith("sqlite"):
            sys.exit("flowdrill: not migrated: LANGFLOW_DATABASE_URL names no SQLite file by its absolute path")
        path = "/" + path.partition("?")[0]
        if not os.path.exists(path):
            sys.exit("flowdrill: not migrated: there is no database yet that could be put back")
        return path

    def copied(path):
        copy, part = path + ".before-drill", f"{path}.before-drill.{os.getpid()}"
        if os.path.exists(copy):
            return
        source, target = sqlite3.connect(path, timeout=60), sqlite3.connect(part)
        with target:
            source.backup(target)
        target.close()
        source.close()
        with contextlib.suppress(FileExistsError):  # another process was faster
            os.link(part, copy)
        os.unlink(part)

    def with_revision(config):
        set_main_option = config.Config.set_main_option

        def set_option(self, name, value):
            set_main_option(self, name, value)
            if name != "script_location":
                return
            from alembic.script import ScriptDirectory
            from sqlalchemy import Column, String
            from sqlmodel import SQLModel

            copied(database())
            heads = tuple(ScriptDirectory.from_config(self).get_heads())
            folder = tempfile.mkdtemp(prefix="newer-release-")
            with open(os.path.join(folder, "newer_release.py"), "w", encoding="utf-8") as file:
                file.write(
                    "import sqlalchemy as sa\nfrom alembic import op\n\n"
                    f"revision, down_revision = {revision!r}, {heads!r}\n\n\n"
                    "def upgrade():\n"
                    "    columns = [one['name'] for one in sa.inspect(op.get_bind()).get_columns('flow')]\n"
                    f"    if {column!r} not in columns:\n"
                    f"        op.add_column('flow', sa.Column({column!r}, sa.String(), nullable=True))\n"
                )
            separator = {"path_separator": "os", "version_path_separator": "os"}
            for option, text in separator.items():
                set_main_option(self, option, text)
            set_main_option(self, "version_locations", os.pathsep.join((os.path.join(value, "versions"), folder)))
            table = SQLModel.metadata.tables["flow"]
            if column not in table.columns:
                table.append_column(Column(column, String(), nullable=True))

        config.Config.set_main_option = set_option

    class WhenImported(importlib.abc.MetaPathFinder):
        def find_spec(self, name, path, target=None):
            if name != "alembic.config":
                return None
            sys.meta_path.remove(self)
            spec = importlib.machinery.PathFinder.find_spec(name, path)
            execute = spec.loader.exec_module

            def exec_module(module):
                execute(module)
                with_revision(module)

            spec.loader.exec_module = exec_module
            return spec

    sys.meta_path.insert(0, WhenImported())


_newer_release()
