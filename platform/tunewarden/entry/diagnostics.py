"""The diagnostic logger: one JSON object a line on standard error; codes and ids only, never record text."""

import logging
import sys

import structlog

structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.JSONRenderer(),
    ],
    logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
)

logging.getLogger("python_multipart").setLevel(logging.ERROR)  # below, it says bytes of the form that it reads

logger = structlog.get_logger("tunewarden")
