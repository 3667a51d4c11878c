"""Names the newest run's report, and opens it where OPEN=1 is set; the command behind `make report`."""

import os
import sys
import webbrowser
from pathlib import Path

REPORT = Path("build/latest/report.html")


def main() -> int:
    """Print where the report is; 1 if there is none yet."""
    if not REPORT.is_file():
        sys.stderr.write("No report yet; `make train` writes the first.\n")
        return 1
    sys.stdout.write(f"{REPORT} (run {REPORT.resolve().parent.name}); OPEN=1 opens it in a browser\n")
    if os.environ.get("OPEN") == "1":
        webbrowser.open(REPORT.resolve().as_uri())
    return 0


if __name__ == "__main__":
    sys.exit(main())
