"""Headers and values shared by the responses of the page's own addresses."""

from __future__ import annotations

from starlette.responses import PlainTextResponse, Response

from imgsearch import ImgsearchError

TOO_LONG = "This is too much at once. Choose fewer photos."  # of a request
# Photos, names and queries are private: no browser or proxy keeps them.
NOT_STORED = {"Cache-Control": "no-store"}

# The exit codes of errors that stay: an unknown photo, a photo or a folder that cannot be read.
_LASTING = (2, 4, 5)


def no_picture(error: ImgsearchError) -> Response:
    """Answer a request for a picture that cannot be made, for this reason.

    The browser asks again for what is refused with 503; 404 says that there is no picture.
    """
    return PlainTextResponse(str(error), 404 if error.exit_code in _LASTING else 503, NOT_STORED)
