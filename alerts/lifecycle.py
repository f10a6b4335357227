"""A record's moves as a table: what the API shows, the back office offers and the model checks are the same rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict

from django.utils.functional import Promise
from django.utils.translation import gettext

from faultreporter.errors import InvalidTransition


class Refusal(TypedDict):
    """Why a move would be refused now, though the status allows it."""

    code: str
    message: str


class AllowedTransition(TypedDict):
    """One move that the status allows, what whoever makes it must say and may say, and what is in its way."""

    action: str
    label: str
    to: str
    required: list[str]
    optional: list[str]
    one_of: list[str]
    blocked: Refusal | None


@dataclass(frozen=True, slots=True)
class Move:
    """`paths` maps each state the move starts from to the state it ends in; of `one_of` exactly one must be said."""

    label: Promise
    paths: Mapping[str, str]
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        return next(iter(self.paths.values()))


@dataclass(frozen=True, slots=True)
class Lifecycle:
    moves: Mapping[str, Move]

    def check(self, action: str, state: str) -> str:
        """The state the move ends in; INVALID_TRANSITION if it can't be made from here."""
        move = self.moves[action]
        if state not in move.paths:
            raise InvalidTransition(
                gettext("%(action)s is not possible while the status is %(status)s.")
                % {"action": move.label, "status": state},
                source=state,
                target=move.target,
                allowed=self.targets(state),
            )
        return move.paths[state]

    def targets(self, state: str) -> list[str]:
        """The states reachable from here in one move, each once, in the table's order."""
        return list(dict.fromkeys(m.paths[state] for m in self.moves.values() if m.paths.get(state, state) != state))

    def allowed(self, state: str) -> list[AllowedTransition]:
        return [
            AllowedTransition(
                action=action,
                label=str(move.label),
                to=move.paths[state],
                required=list(move.required),
                optional=list(move.optional),
                one_of=list(move.one_of),
                blocked=None,
            )
            for action, move in self.moves.items()
            if state in move.paths
        ]
