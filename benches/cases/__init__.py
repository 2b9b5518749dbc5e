"""The cases: each prints its table and returns its runs and its targets."""

from collections.abc import Callable
from dataclasses import dataclass, field

from . import drift, gate, model, overlap, running, short, wide
from programs import Rival


@dataclass
class Case:
    measure: Callable
    tables: Callable  # what `measure` reads; made where they are not there yet
    rivals: dict[str, Rival] = field(default_factory=dict)
    without_mlgate: bool = False  # whether the rivals alone are worth a table


CASES = {
    "gate": Case(gate.gate, gate.table, gate.RIVALS, without_mlgate=True),
    "growth": Case(gate.growth, gate.growing_tables),
    "footer": Case(short.footer, short.footer_table),
    "credit": Case(short.credit, lambda _options: None),
    "drift": Case(drift.drift, drift.tables, drift.RIVALS, without_mlgate=True),
    "overlap": Case(overlap.overlap, overlap.tables, overlap.RIVALS, without_mlgate=True),
    "wide": Case(wide.wide, wide.tables, wide.RIVALS),
    "model": Case(model.model, model.table, model.RIVALS),
    "bootstrap": Case(model.bootstrap, model.paired_tables),
    "score": Case(running.score, running.table, running.RIVALS),
    "single": Case(running.single, running.table),
    "load": Case(running.load, lambda _options: None),
}
