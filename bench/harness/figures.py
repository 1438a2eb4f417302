# SPDX-License-Identifier: MIT
"""What a scenario is, and what its figures are called, compared with and held against."""
from dataclasses import dataclass
from typing import Callable


@dataclass
class Figure:
    unit: str
    digits: int
    target: float = None           # to be reached by the broadcaster
    ratio_to: str = ""             # to this peer's value of `of` in the same round
    of: str = ""
    beside: Callable = None        # (all peers' figures of a round, the peer) -> value, or None
    more_is_better: bool = False
    row: str = ""                  # of the table of what is to be reached: what is measured

    def value(self, one_round, peer):
        """Of a round {peer: {figure: value}}; None: this peer has no such figure."""
        if self.beside:
            return self.beside(one_round, peer)
        if not self.ratio_to:
            return one_round[peer].get(self.of)
        if self.ratio_to not in one_round:
            return None
        # Of the same round: what disturbed one has disturbed the other.
        return one_round[peer][self.of] / one_round[self.ratio_to][self.of]


@dataclass
class Scenario:
    title: str
    run: Callable                  # (place, make_peer, parameters) -> {figure: value}
    figures: dict
    peers: tuple
    parameters: dict               # of a real run
    small: dict                    # what differs in the run that only proves that it works;
                                   # None: it is slow, or proves nothing that others do not
    rounds: int = 5                # of five: slow ones, and those that hardly vary, have fewer

    def __post_init__(self):
        for name, figure in self.figures.items():
            figure.of = figure.of or name


FANOUT = {
    "cpu": ("µs/delivery", 2), "batching": ("messages per write", 2), "p50": ("ms p50", 2),
    "p99": ("ms p99", 2), "whole": ("ms to the last, p50", 2), "server_load": ("% of its core", 0),
    "loadgen_load": ("% loadgen", 0),
}


def fanout(**more):
    return {**more, **{name: Figure(*what) for name, what in FANOUT.items()}}


def ratios(**targets):
    """The broadcaster's CPU per delivery beside that of each of these peers."""
    names = {"epoll": "bare epoll", "nchan": "nchan", "socketio": "Socket.IO"}
    return {f"to_{peer}": Figure(f"× {names[peer]}", 2, target, peer, "cpu",
                                 row=f"CPU per delivery, × {names[peer]}")
            for peer, target in targets.items()}
