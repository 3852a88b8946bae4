"""Calls an operation: of the running service, or else of the library itself."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from imgsearch.operations.declared import method_of
from imgsearch.service.address import PRIVATE_ADDRESS

if TYPE_CHECKING:
    from imgsearch.config import Settings
    from imgsearch.library import Library

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


class Asking:
    """Calls operations of a library; the running service computes the answers, if there is one.

    `open_directly` opens the library where no service runs. With `folder`, the service of the
    archive with this working folder is used. Both ways give the same result. Finding out that there
    is no service takes at most 50 ms.
    """

    def __init__(
        self,
        settings: Settings,
        open_directly: Callable[[], AbstractContextManager[Library]],
        folder: Path | None = None,
    ) -> None:
        self._settings = settings
        self._open_directly = open_directly
        self._folder = folder or settings.data_dir

    def __call__(
        self,
        operation: Callable[Concatenate[Any, _Parameters], _Result],
        *arguments: _Parameters.args,
        **named: _Parameters.kwargs,
    ) -> _Result:
        """Return the result of an operation, such as `ask(Library.find, "a dog")`.

        Raises what the library raises.
        """
        if self._settings.service != "off" and os.path.lexists(PRIVATE_ADDRESS.file(self._folder)):
            # Loaded here: without a service a command saves the time that HTTP and JSON take.
            from imgsearch.service.client import Client, ServiceUnavailable

            with suppress(ServiceUnavailable):
                client = Client(self._settings, self._folder)
                return client.call(operation, *arguments, **named)
        with self._open_directly() as library:
            result: _Result = method_of(library, operation)(*arguments, **named)
            return result
