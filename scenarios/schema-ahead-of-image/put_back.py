# Puts back the copy of the database that migrate.py made, before LangFlow opens it. What was written since is gone.
# A pod of the stable image that still ends may migrate the database once more: so the copy is kept until this container
# ends with the schema of the copy, and each of its starts looks whether it still has it.
def _put_back():
    import atexit
    import contextlib
    import fcntl
    import os
    import sqlite3
    import time

    scheme, slashes, path = os.environ.get("LANGFLOW_DATABASE_URL", "").partition(":////")
    path = "/" + path.partition("?")[0]
    copy, kept, mark = path + ".before-drill", path + ".put-back", "FLOWDRILL_PUT_BACK"
    if not slashes or not scheme.startswith("sqlite"):
        return

    def schema(file):
        with contextlib.closing(sqlite3.connect(file, timeout=60)) as database:
            tables = database.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()
            version = "SELECT version_num FROM alembic_version ORDER BY version_num"
            return tables, database.execute(version).fetchall() if ("alembic_version" in str(tables)) else []

    def copied():
        source, target = sqlite3.connect(kept), sqlite3.connect(path, timeout=60)
        source.backup(target)
        target.close()
        source.close()

    def end():
        if os.getpid() == main and os.path.exists(kept) and schema(path) == schema(kept):
            os.unlink(kept)

    claimed = False
    with contextlib.suppress(FileNotFoundError):  # another process of the container was faster
        os.replace(copy, kept)
        os.utime(kept)
        claimed = True
    if not os.path.exists(kept):
        return
    with open(kept, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not claimed and time.time() - os.path.getmtime(kept) > 3600:
            return  # of another drill, whose container was killed
        if claimed or schema(path) != schema(kept):
            copied()
    main = os.getpid()
    if os.environ.setdefault(mark, str(main)) == str(main):  # not in the processes that this one starts
        atexit.register(end)


_put_back()
