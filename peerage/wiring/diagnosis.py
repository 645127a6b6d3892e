"""Wires what examines the installation."""

from collections.abc import Sequence

from actions.diagnosis import Diagnosis, Finding
from peerage.diagnosis.examination import examine
from peerage.diagnosis.examined import Examined, RunningService
from peerage.wiring.application import Application


def make_diagnosis(application: Application) -> Diagnosis:
    """Return what examines the installation from within its service."""
    clock = application.environment.clock

    def look(thorough: bool) -> Sequence[Finding]:
        room = application.cache_room.state
        service = RunningService(application.listening, application.arrivals, room, application.replicator)
        return examine(
            Examined(settings=application.settings, now=clock(), service=service, thorough=thorough)
        )

    return Diagnosis(look, application.rights, clock, timer=application.environment.timer)
