"""Writes schemas/ from the Structs, and checks that what stands there is what they say.

python -m penstock.contracts.generate           writes
python -m penstock.contracts.generate --check   exits 1, naming what differs
"""

import json
import sys
from pathlib import Path

from penstock.contracts.locate import contract_folder
from penstock.contracts.records import RECORD_TYPES


def texts() -> dict[str, str]:
    """Every schema's path and text."""
    return {
        record_type.path: json.dumps(record_type.schema(), indent=2, ensure_ascii=False) + "\n"
        for record_type in RECORD_TYPES
    }


def differences(folder: Path) -> list[str]:
    """What stands in the folder and should not, or should and does not, or differs."""
    wanted = texts()
    there = {
        str(path.relative_to(folder))
        for path in folder.rglob("*.avsc")
        if path.relative_to(folder).parts[0] != "history"
    }
    found = [f"{path}: no record has this schema" for path in sorted(there - wanted.keys())]
    for path, text in sorted(wanted.items()):
        if path not in there:
            found.append(f"{path}: missing")
        elif (folder / path).read_text() != text:
            found.append(f"{path}: differs from its Struct")
    return found


def main(arguments: list[str]) -> int:
    """Write, or check."""
    folder = contract_folder("schemas")
    if arguments == ["--check"]:
        found = differences(folder)
        for line in found:
            sys.stderr.write(f"schemas/{line}; run `make schemas`\n")
        return 1 if found else 0
    for path, text in texts().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
