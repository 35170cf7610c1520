"""Evidence in, reports out."""

from reports.writer import WrittenReports, write

__all__ = ["WrittenReports", "write"]
