"""The load part of the reports: what ``load/`` of a run directory says, for people and machines."""
