"""What pods log and answer, and what is written on them, is anybody's: a whole drill of a service that means harm."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml

from tests.contract.conftest import Place
from tests.contract.drilling import GOOD, NAME, stand_on
from tests.real.kill.stage import SCENARIO, flowdrill

pytestmark = pytest.mark.drills

SECRETS = {
    "LANGFLOW_SUPERUSER_PASSWORD": "pw-0f3c9a7b51e2",
    "OPENAI_API_KEY": "sk-proj-51aa7be0c2d94f6e8b",
    "DATABASE_URL": "postgresql://flow:db-9c27e1f04b@db.test/flow",
    "SESSION_TOKEN": "tok-77d2e90c41ab",
}
HIDDEN = ("pw-0f3c9a7b51e2", "sk-proj-51aa7be0c2d94f6e8b", "db-9c27e1f04b", "tok-77d2e90c41ab", "hdr-4be19d30aa57")
SCRIPT = "<script>document.title='owned'</script>"
MARKUP = (
    f"{SCRIPT}<img src=x onerror=\"document.title='owned'\"><svg onload=\"document.title='owned'\"></svg>-->{SCRIPT}"
    "]]></script><a href=\"javascript:document.title='owned'\">x</a> [x](javascript:alert(1)) ![x](https://evil.test/x.png)"
)
ESCAPES = "\x1b[31mred\x1b]8;;https://evil.test\x07link\x1b]52;c;b3duZWQ=\x07\u202egnp.exe\u2066\x9b2J\x00"
PROGRAM = f"""
import http.server, json, os, signal, sys
HEADERS = "Authorization: Bearer hdr-4be19d30aa57 x-api-key: hdr-4be19d30aa57"
HOSTILE = {MARKUP!r} + {ESCAPES!r}
def say(data):
    sys.stdout.buffer.write(data + b"\\n"); sys.stdout.buffer.flush()
say(b"x" * 5_000_000); say(b"\\xff\\xfe broken utf-8 \\xc3\\x28")
for name in {list(SECRETS)!r}:
    say(f"{{name}}={{os.environ[name]}} {{HOSTILE}} {{HEADERS}}".encode())
class Answer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        good = os.environ["VERSION"] == {GOOD!r}
        env = {{name: os.environ[name] for name in {list(SECRETS)!r}}}
        told = {{"success": True, "result": os.environ["VERSION"]}} if good else {{
            "success": False, "detail": HOSTILE + HEADERS, "env": env}}
        self.answer(json.dumps(told).encode())
    def do_GET(self):
        self.answer(b"ready")
    def answer(self, body):
        self.send_response(200); self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", "session=" + os.environ["SESSION_TOKEN"]); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Answer).serve_forever()
"""
_MOST_BYTES = 20_000_000
_TITLE = re.compile(r"<title>([^<]*)</title>")


@pytest.fixture(scope="module")
def drilled(embedded_place: Place, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The run folder of such a drill, and all that it printed."""
    folder = tmp_path_factory.mktemp("hostile")
    env = [{"name": name, "value": value} for name, value in SECRETS.items()]
    with stand_on(embedded_place, command=["python3", "-u", "-c", PROGRAM], env=env) as stand:
        note = f"{MARKUP}{ESCAPES} password={SECRETS['LANGFLOW_SUPERUSER_PASSWORD']}".replace("\x00", "")
        stand.play.patch("deployments", NAME, {"metadata": {"annotations": {"team/note": note}}})
        (folder / "wrong-version").mkdir()
        (folder / "wrong-version" / "scenario.yaml").write_text(yaml.safe_dump(SCENARIO))
        drill = stand.drill(limit="60s", guard={"lease": "5s"}).model_dump(mode="json", by_alias=True)
        kept = ("drill", "target", "registry", "load", "baseline", "hold")
        plan = {key: drill[key] for key in kept} | {"scenario": "./wrong-version"}
        plan["policy"] = {"ledger": {"file": "ledger.jsonl"}}
        (folder / "drill.yaml").write_text(yaml.safe_dump(_without_none(plan)))
        said = ""
        for number in range(5):  # a machine that is too busy has no steady baseline
            done = flowdrill(
                "run", folder / "drill.yaml", "--context", stand.play.context,
                "--kubeconfig", stand.play.kubeconfig, "--out", folder / f"out-{number}",
            )  # fmt: skip
            said += done.stdout + done.stderr
            (run,) = (folder / f"out-{number}").iterdir()
            if json.loads((run / "result.json").read_text())["end"] == "completed":
                return run, said
    raise AssertionError(said)


def _without_none(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_none(one) for key, one in value.items() if one is not None}
    return value


def test_no_file_of_the_run_folder_has_a_secret(drilled: tuple[Path, str]) -> None:
    run, said = drilled
    files = [path for path in run.rglob("*") if path.is_file() and not path.is_symlink()]
    assert {"plan.json", "undo.json", "events.jsonl", "report.html", "standing.json"} <= {one.name for one in files}
    assert any(one.name.startswith("log-") for one in files), "no pod's log was kept: nothing is shown"
    for secret in HIDDEN:
        spellings = {secret.encode(), base64.b64encode(secret.encode()).rstrip(b"=")}
        assert not [path for path in files for one in spellings if one in path.read_bytes()], secret
        assert secret not in said


def test_a_log_of_endless_lines_does_not_fill_the_disk(drilled: tuple[Path, str]) -> None:
    run, _ = drilled
    assert sum(path.stat().st_size for path in run.rglob("*") if path.is_file()) < _MOST_BYTES


def test_a_terminal_gets_no_escape(drilled: tuple[Path, str]) -> None:
    _, said = drilled
    assert "\x1b" not in said
    assert not [one for one in said if not one.isprintable() and one != "\n"]


def test_the_reports_are_of_their_own_making(drilled: tuple[Path, str]) -> None:
    run, _ = drilled
    ET.fromstring((run / "junit.xml").read_text("utf-8"))
    markdown, html = ((run / name).read_text("utf-8") for name in ("report.md", "report.html"))
    assert "<script" not in markdown
    assert "](javascript:" not in markdown
    assert "![x](" not in markdown
    assert SCRIPT not in html
    kept = (run / "evidence" / _log(run)).read_text("utf-8")
    assert "document.title" in kept, "the log was not kept as it was: nothing is shown"


def _log(run: Path) -> str:
    return next(path.name for path in sorted((run / "evidence").iterdir()) if path.name.startswith("log-"))


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Debian's chromium")
def test_a_browser_runs_nothing_of_theirs(drilled: tuple[Path, str], tmp_path: Path) -> None:
    run, _ = drilled
    owned = tmp_path / "owned.html"
    owned.write_text(f"<title>mine</title>{SCRIPT}")
    assert _title(owned, tmp_path) == "owned", "this browser would not show it"
    title = _title(run / "report.html", tmp_path)
    assert title is not None
    assert "owned" not in title


def _title(page: Path, folder: Path) -> str | None:
    done = subprocess.run(
        [
            "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=2000", "--dump-dom", page.as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    found = _TITLE.search(done.stdout)
    return None if found is None else found[1]
