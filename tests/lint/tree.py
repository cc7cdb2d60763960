"""The sources as the checks see them: files under version control, or, in an unpacked archive, all that lie there."""
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("BUILD", "build")


def listed() -> list:
    """Paths relative to ROOT."""
    done = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True,
                          check=False)
    if done.returncode == 0:
        return sorted(path for path in done.stdout.splitlines() if (ROOT / path).is_file())
    return sorted(str(path.relative_to(ROOT)) for path in ROOT.rglob("*")
                  if path.is_file() and not path.relative_to(ROOT).parts[0].startswith(("build", ".git")))


FILES = listed()


def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def sources(*suffixes: str, under: tuple = ("",)) -> list:
    """Files with these suffixes in these folders."""
    return [path for path in FILES if path.endswith(suffixes) and path.startswith(under)]
