"""What MedSeg raises."""

from __future__ import annotations


class MedSegError(Exception):
    """A model, a scan or an argument that cannot be used; the text names it and says what to do.

    status: the number of medseg.h and of sysexits.h, such as 65 for bad data.
    """

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class Cancelled(MedSegError):
    """The progress function of a prediction returned something true, or raised."""
