"""All that one worker works with: its people, and a testbed at each PBX that its scenarios run on."""

from __future__ import annotations

from contextlib import ExitStack
from importlib import import_module

from scenarios.crew import Crew
from scenarios.own_pbx import OwnPbx
from scenarios.system import Placement, RunSettings, System
from scenarios.testbed import Testbed
from trunkproof.plugin.work_files import mask_work_files, secrets_of

NOTES_NAME = "notes.txt"
"""Beside a worker's other files: lines that the run's notes must have."""


class Workbench:
    """See the module. PBXs and testbeds come with the first scenario that needs them."""

    def __init__(self, settings: RunSettings, worker: str) -> None:
        # Recognising sound needs it, and it takes 0.8 s to import: no call is to wait for that.
        import_module("scipy.signal")
        self.worker = worker
        self._settings = settings
        digits = "".join(c for c in worker if c.isdigit())
        # Each worker draws other customers.
        self._crew = Crew(settings.directory, worker, settings.seed + int(digits or 0))
        self._own: dict[str, OwnPbx] = {}
        self._beds: dict[str, Testbed] = {}

    def testbed(self, placement: Placement) -> Testbed:
        """The testbed of a placement. Raises TrunkproofError when its PBX cannot be started."""
        if placement.key not in self._beds:
            self._beds[placement.key] = Testbed(self._settings, self._system(placement), self._crew)
        return self._beds[placement.key]

    def stop(self) -> None:
        """End everything, in the order in which it depends on each other."""
        with ExitStack() as all_of_it:
            all_of_it.callback(mask_work_files, self._crew.directory, self._secrets())
            for pbx in self._own.values():
                all_of_it.callback(pbx.stop)
            all_of_it.callback(self._crew.stop)
            for bed in self._beds.values():
                all_of_it.callback(bed.stop)

    def _secrets(self) -> list[str]:
        return secrets_of([planned.target for planned in self._settings.targets])

    def _system(self, placement: Placement) -> System:
        shared = placement.target.shared
        if not placement.own and shared is not None:
            return shared
        if placement.key not in self._own:
            pbx = OwnPbx(placement.target, self._settings.directory, self.worker)
            self._own[placement.key] = pbx
            self._note(pbx.notes)
        return self._own[placement.key].system

    def _note(self, notes: list[str]) -> None:
        path = self._crew.directory / NOTES_NAME
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.writelines(f"{note}\n" for note in notes)
