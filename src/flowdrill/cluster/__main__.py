"""The cluster's own process: `python -m flowdrill.cluster FOLDER`. Users start it with `flowdrill cluster up`."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
from pathlib import Path

from flowdrill.cluster.daemon import run_cluster
from flowdrill.cluster.lifecycle import UP
from flowdrill.cluster.state_folder import StateFolder, no_room
from flowdrill.errors import ClusterError, FlowdrillError


def main() -> int:
    """Run until SIGTERM or SIGINT; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m flowdrill.cluster")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tell", type=int, metavar="FD", help="where to say, in a line, that it is up or why not")
    parser.add_argument("--temporary", action="store_true", help="end at the end of standard input, leave no folder")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    folder = StateFolder(options.folder)

    def say(line: bytes) -> None:
        if options.tell is not None:
            os.write(options.tell, line)
            os.close(options.tell)
            options.tell = None

    try:
        if not folder.hold():
            return _refused(say, ClusterError(f"a cluster already runs in {folder.path}", "use that one, or stop it"))
        asyncio.run(run_cluster(folder, lambda: say(UP), until_end_of=sys.stdin if options.temporary else None))
    except FlowdrillError as error:
        return _refused(say, error)
    except OSError as error:
        return _refused(say, no_room(folder.path, error))
    if options.temporary:
        folder.remove()
    return 0


def _refused(say: object, error: FlowdrillError) -> int:
    logging.getLogger(__name__).error("%s", error)
    if callable(say):
        say(json.dumps({"problem": error.problem, "remedy": error.remedy}).encode() + b"\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
