"""A process of the platform tells its operators that a policy which is stored is not decided by."""

import os
import subprocess
import sys
from pathlib import Path

ASKS = """
import time
from sqlalchemy import text
from tunewarden.domain.names import Action, PrincipalId, Role
from tunewarden.drivers.sql_engine import connect, migrate
from tunewarden.entry.settings import Settings
from tunewarden.entry.wiring import build, create_keys
from tunewarden.usecases.ports import Principal, Resource

settings = Settings()
settings.home.mkdir()
create_keys(settings)
migrate(settings.database)
access = build(settings).access
with connect(settings.database).begin() as connection:
    connection.execute(text("UPDATE policy_rules SET effect = 'Allow' WHERE effect = 'allow'"))
    connection.execute(text("UPDATE policy_head SET changes = changes + 1"))
time.sleep(1.1)
steward = Principal(id=PrincipalId("prn-1"), roles=frozenset({Role.STEWARD}))
print(access(steward, Action.READ_DATASET, Resource(kind="dataset")).because)
"""


def test_a_policy_that_was_changed_in_the_store_wakes_somebody_and_the_old_one_stays(tmp_path: Path) -> None:
    places = {"TUNEWARDEN_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", ASKS], env={**os.environ, **places}, capture_output=True, text=True, timeout=100
    )
    assert done.stdout == "steward/read-dataset/always\n", done.stderr
    assert done.stderr.count('"event": "access_alarm"') == 1
    assert '"what": "faulty", "code": "policy_changed_in_store"' in done.stderr
