"""The command line of the local stack."""

import argparse
import os
import sys
from collections.abc import Mapping

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
    try:
        return carry_out(asked, read_environment(os.environ))
    except StackError as error:
        print(error, file=sys.stderr)
    except PermissionError as error:
        print(f"{error.filename} belongs to another account; did that one run this here before?", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 1


def carry_out(asked: argparse.Namespace, environment: Mapping[str, str]) -> int:
    if asked.action == "wipe":
        return commands.wipe(environment)
    if asked.action in {"exec", "psql"}:
        words = asked.arguments[1:] if asked.arguments[:1] == ["--"] else asked.arguments
        return (execute if asked.action == "exec" else commands.psql)(environment, asked.data, words)
    simple = {"run": commands.run, "serve": commands.serve, "status": commands.status, "stop": commands.stop}
    return simple[asked.action](environment, asked.data)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
