"""Log lines: text for people, or JSON, one object a line, for machines.

A JSON line has time, level, logger and message; what a caller knows besides (`extra=`) of the
fields below; and of an error its type and the places it came through. Never a payload: the text of
an exception may have one, so it is left out.
"""

from __future__ import annotations

import logging
import traceback
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

TEXT_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
FIELDS: Final = ("partition", "offset", "wf_run_id", "command", "part", "tenant", "incident")
MESSAGE_CHARS_MAX: Final = 4_000
PLACES_MAX: Final = 20

_encode = msgspec.json.Encoder(enc_hook=str).encode


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage()[:MESSAGE_CHARS_MAX],
        }
        for name in FIELDS:
            value = getattr(record, name, None)
            if value is not None:
                line[name] = value
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            line["error"] = type(error).__name__
            line["stack"] = [
                f"{frame.filename}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(error.__traceback__)[-PLACES_MAX:]
            ]
        return _encode(line).decode()


def start_logs(level: str, log_format: str) -> None:
    """Have all loggers write to stderr, in one of LOG_FORMATS (config.py)."""
    handler = logging.StreamHandler()
    is_json = log_format == "json"
    handler.setFormatter(JsonFormatter() if is_json else logging.Formatter(TEXT_FORMAT))
    logging.basicConfig(level=level, handlers=[handler])
