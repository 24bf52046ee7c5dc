#!/usr/bin/env python3
"""fuzz, speed, ci-fuzz, ...: python3 fuzz/campaign COMMAND [ARGUMENTS]."""

import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path[0] = str(Path(__file__).resolve().parent.parent)

from campaign import ci, fuzz, nothing, reproduce, speed  # noqa: E402
from campaign.health import Refused, of_error  # noqa: E402

COMMANDS = {
    "fuzz": fuzz.main,
    "from-nothing": nothing.main,
    "ci-fuzz": ci.main,
    "reproduce": reproduce.main,
    "speed": speed.main,
}
INTERRUPTED = 130


def main() -> int:
    command, *arguments = sys.argv[1:] or [""]
    if command not in COMMANDS:
        print(f"campaign: unknown command '{command}'; known: "
              f"{' '.join(COMMANDS)}", file=sys.stderr)
        return 2
    try:
        return COMMANDS[command](arguments)
    except Refused as error:
        print(f"{command}: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        problem = of_error(error)
        if problem is None:
            raise
        print(f"{command}: {error}: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
