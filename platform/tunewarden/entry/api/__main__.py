"""`python -m tunewarden.entry.api FILE`: write the interface description, of a platform with nothing in it.

Where the file is there, what breaks programs that were written against it is told first.
"""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tunewarden.drivers.sql_engine import migrate
from tunewarden.entry.api.app import create_app
from tunewarden.entry.api.breaking import broken
from tunewarden.entry.api.description import described, text_of
from tunewarden.entry.settings import Settings
from tunewarden.entry.wiring import build, create_keys


def main(file: Path) -> None:
    """What is described are the routes; the platform behind them is there because they are not without one."""
    with TemporaryDirectory() as home:
        settings = Settings(home=Path(home))
        create_keys(settings)
        migrate(settings.database)
        document = described(create_app(build(settings), settings))
    for one in broken(json.loads(file.read_text(encoding="utf-8")), document) if file.exists() else ():
        sys.stderr.write(f"breaks programs: {one}\n")
    file.write_text(text_of(document), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
