"""The exceptions of `changed_blocks`: one class for each next step of a backup job.

>>> import changed_blocks
>>> try:
...     changed_blocks.extents("YAAA#A==")
... except changed_blocks.FullBackupError as error:
...     print(error.kind, error.offset, error)
invalid-symbol 4 '#' (0x23) at offset 4 is not base64
"""

from __future__ import annotations

from uuid import UUID


class Error(Exception):
    """Something is wrong with a bitmap, a list or a chain of logs. Its subclass says what to do next."""

    kind: str
    """A stable name of the kind of error, as ``too-short``."""
    consequence: str = ""
    """The next step, which is that of the class: ``full-backup``, ``retry``, ``busy``, ``operator`` or ``wrong-usage``."""
    offset: int | None
    """The place of the fault, in bytes from the start of the input, or `None` where it has none."""
    hint: str | None
    """Advice in a sentence, or `None` where the message says all. Tracebacks show it from Python 3.11 on."""
    api_code: str | None
    """The code with which a pool would refuse the same call, as ``SR_BACKEND_FAILURE_460``, where there is one."""

    def __init__(
        self,
        message: str,
        kind: str = "",
        offset: int | None = None,
        hint: str | None = None,
        api_code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.offset = offset
        self.hint = hint
        self.api_code = api_code
        if hint is not None and hasattr(self, "add_note"):
            self.add_note(f"hint: {hint}")


class FullBackupError(Error):
    """This bitmap or chain cannot be used: take a full backup."""

    consequence = "full-backup"


class RetryError(Error):
    """Nothing is wrong with the bitmap as far as is known: try again."""

    consequence = "retry"


class BusyError(Error):
    """Something else holds what is needed, or is away: try again later."""

    consequence = "busy"


class OperatorError(Error):
    """A person has to act; trying again changes nothing, and may do harm."""

    consequence = "operator"


class UsageError(Error, ValueError):
    """The call makes no sense, whatever the bitmap holds."""

    consequence = "wrong-usage"


class ChainWarning(UserWarning):
    """Something is odd about a log that an answer is made of. Changes may be missing only if it is ``not-consistent``."""

    kind: str
    """``not-consistent``: the log was not closed, and changes may be missing from it. ``stray``: the log was left by a
    deletion, and its changes are part of the answer, which may have too much. ``parent``: the log names another parent."""
    uuid: UUID | None
    """The disk of the log, or `None` where a log was read by itself."""

    def __init__(self, message: str, kind: str = "", uuid: UUID | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.uuid = uuid
