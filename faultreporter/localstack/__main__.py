"""The command line of the local stack."""

import argparse
import os
import sys

from faultreporter.localstack import commands
from faultreporter.localstack.environment import read_environment
from faultreporter.localstack.errors import StackError
from faultreporter.localstack.executing import execute
from faultreporter.localstack.places import MAIN


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m faultreporter.localstack", description="The product on this machine.")
    actions = top.add_subparsers(dest="action", required=True)
    for name, told in (
        ("run", "servers, migrations, demo story and all processes, until Ctrl-C"),
        ("serve", "PostgreSQL and Valkey only, until Ctrl-C"),
        ("exec", "run a command with servers of its own"),
        ("status", "what runs, and where"),
        ("stop", "stop what runs"),
        ("psql", "PostgreSQL's shell on the running database"),
        ("wipe", "stop, and delete the servers' data"),
    ):
        action = actions.add_parser(name, help=told, description=told)
        if name == "exec":
            action.add_argument("--data", default="", metavar="NAME", help="keep the data under this name")
        elif name != "wipe":
            action.add_argument("--data", default=MAIN, metavar="NAME", help=f"which data directory (default: {MAIN})")
        if name in {"exec", "psql"}:
            action.add_argument("arguments", nargs=argparse.REMAINDER)
    return top


def main(words: list[str]) -> int:
    asked = parser().parse_args(words)
    environment = read_environment(os.environ)
    arguments = [word for place, word in enumerate(getattr(asked, "arguments", [])) if (place, word) != (0, "--")]
    try:
        match asked.action:
            case "wipe":
                return commands.wipe(environment)
            case "psql":
                return commands.psql(environment, asked.data, arguments)
            case "exec":
                if not arguments:
                    raise StackError("exec needs a command: exec -- COMMAND…")
                return execute(environment, asked.data, arguments)
            case action:
                return {"run": commands.run, "serve": commands.serve, "status": commands.status, "stop": commands.stop}[
                    action
                ](environment, asked.data)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
