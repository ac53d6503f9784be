"""The units that wait: what may start now, what failed where, and when it is given up."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from dreambench.executors.task import Unit

#: How often a unit is tried before it is reported as failed.
ATTEMPTS = 3


class Waiting:
    """The units of a queue that have not ended, in their order.

    A unit starts when those that it comes ``after`` are done. One that failed waits again, for another
    machine if there is one, until it has been tried ``attempts`` times.
    """

    def __init__(self, units: Sequence[Unit], attempts: int = ATTEMPTS) -> None:
        self._waiting = {unit.name: unit for unit in units}
        self._started: dict[str, Unit] = {}
        self._attempts = attempts
        self._failures: dict[str, list[str]] = {}

    def __len__(self) -> int:
        """How many units have not ended."""
        return len(self._waiting) + len(self._started)

    def tried(self, unit: Unit) -> int:
        """How often a unit has failed so far."""
        return len(self._failures.get(unit.name, []))

    def take(self, machine: str, machines: Collection[str] = ()) -> Unit | None:
        """Return the next unit for a machine, which it has thereby started; None where it has to wait.

        A unit that failed on this machine is left to another one of ``machines`` where it has not failed.
        """
        for unit in self._waiting.values():
            if any(name in self._waiting or name in self._started for name in unit.after):
                continue
            failed_on = self._failures.get(unit.name, [])
            if machine in failed_on and not set(machines) <= set(failed_on):
                continue
            self._started[unit.name] = self._waiting.pop(unit.name)
            return unit
        return None

    def done(self, unit: Unit) -> None:
        """A unit that was started has ended well."""
        del self._started[unit.name]

    def failed(self, unit: Unit, machine: str) -> bool:
        """A unit that was started has failed on a machine; return whether it will be tried again."""
        del self._started[unit.name]
        self._failures.setdefault(unit.name, []).append(machine)
        if self.tried(unit) >= self._attempts:
            return False
        self._waiting[unit.name] = unit
        return True

    def drop_after(self, unit: Unit) -> list[Unit]:
        """Take out, and return, the units that can never start because ``unit`` was given up."""
        dropped = [other for other in self._waiting.values() if unit.name in other.after]
        for other in dropped:
            del self._waiting[other.name]
        return dropped + [more for other in dropped for more in self.drop_after(other)]
