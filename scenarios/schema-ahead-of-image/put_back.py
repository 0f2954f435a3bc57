# Puts back the copy of the database that migrate.py made, before LangFlow opens it. What was written since is gone.
def _put_back():
    import fcntl
    import os
    import sqlite3

    scheme, slashes, path = os.environ.get("LANGFLOW_DATABASE_URL", "").partition(":////")
    path = "/" + path.partition("?")[0]
    copy = path + ".before-drill"
    if not slashes or not scheme.startswith("sqlite") or not os.path.exists(copy):
        return
    with open(copy, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not os.path.exists(copy):
            return  # another process of the container was faster
        source, target = sqlite3.connect(copy), sqlite3.connect(path, timeout=60)
        source.backup(target)
        target.close()
        source.close()
        os.unlink(copy)


_put_back()
