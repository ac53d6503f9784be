"""The web application: addresses, and what may be answered at each of them.

No cookies and no session: the token in the address is all that a rater has, so a link works in any
browser, a form needs it to be sent, and no foreign page can send one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from dreambench.study import pages
from dreambench.study.database import OutOfTurnError
from dreambench.study.folder import StudyFolder
from dreambench.study.headers import SafeHeaders
from dreambench.study.pages import TEMPLATES, Message, Pages
from dreambench.study.questionnaire import MalformedAnswerError, Questionnaire
from dreambench.study.study_plan import Rater

MOST_BYTES = 4096  # of a form; ours have 150
_FORM = "application/x-www-form-urlencoded"
_STATIC = {"style.css": "text/css", "keys.js": "text/javascript"}
Handler = Callable[[Request, Rater], Awaitable[Response]]


def build_app(folder: StudyFolder, desk: Questionnaire) -> ASGIApp:
    """Return the application of one study."""
    site = _Site(folder, desk)
    routes = [
        Route("/", site.home),
        Route("/r/{token}", site.for_rater(site.next)),
        Route("/r/{token}/consent", site.for_rater(site.consent), methods=["POST"]),
        Route("/r/{token}/instructions", site.for_rater(site.instructions)),
        Route("/r/{token}/answer", site.for_rater(site.answer), methods=["POST"]),
        Route("/r/{token}/picture/{name}", site.for_rater(site.picture)),
        Route("/o/{token}", site.organizer),
        Route("/favicon.ico", _no_icon),
        *(Route(f"/{name}", _static(name, kind)) for name, kind in _STATIC.items()),
    ]
    handlers = {HTTPException: site.refused, sqlite3.Error: site.unsaved}
    app = Starlette(routes=routes, exception_handlers=handlers)  # type: ignore[arg-type]
    return SafeHeaders(app)  # around everything, also around Starlette's own page for a failure


class _Site:
    def __init__(self, folder: StudyFolder, desk: Questionnaire) -> None:
        self._folder = folder
        self._desk = desk
        self._pages = Pages(desk.plan)

    def for_rater(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """Let a handler see only requests with a rater's token."""

        async def guarded(request: Request) -> Response:
            rater = self._desk.rater(request.path_params["token"])
            return self._say(pages.UNKNOWN, 404) if rater is None else await handler(request, rater)

        return guarded

    async def home(self, request: Request) -> Response:
        return self._say(pages.HOME)

    async def next(self, request: Request, rater: Rater) -> Response:
        base = _base(request)
        standing = await run_in_threadpool(self._desk.database.standing, rater.name)
        if not standing.consented:
            return _html(self._pages.consent(rater, base))
        if standing.answered >= len(rater.steps):
            return self._say(pages.DONE)
        return _html(self._pages.question(self._desk.question(rater, standing.answered), base))

    async def consent(self, request: Request, rater: Rater) -> Response:
        await run_in_threadpool(self._desk.database.consent, rater.name)
        return RedirectResponse(f"{_base(request)}/instructions", 303)

    async def instructions(self, request: Request, rater: Rater) -> Response:
        standing = await run_in_threadpool(self._desk.database.standing, rater.name)
        if not standing.consented:
            return RedirectResponse(_base(request), 303)
        return _html(self._pages.instructions(rater, _base(request), standing.answered))

    async def answer(self, request: Request, rater: Rater) -> Response:
        base = _base(request)
        standing = await run_in_threadpool(self._desk.database.standing, rater.name)
        if not standing.consented:
            return RedirectResponse(base, 303)
        try:
            form = await _read_form(request)
            await run_in_threadpool(self._desk.take, rater, form)
        except MalformedAnswerError:
            return self._say(pages.MALFORMED, 400, base)
        except OutOfTurnError:
            return self._say(pages.REPEATED, 409, base)
        return RedirectResponse(base, 303)  # the answer is on the disk; only now the next question

    async def picture(self, request: Request, rater: Rater) -> Response:
        name = request.path_params["name"]
        if not self._desk.may_see(rater, name):
            raise HTTPException(404)
        content = await run_in_threadpool(self._folder.picture(name).read_bytes)
        kept = {"Cache-Control": "private, max-age=86400, immutable"}
        return Response(content, media_type="image/webp", headers=kept)

    async def organizer(self, request: Request) -> Response:
        if not self._desk.is_organizer(request.path_params["token"]):
            return self._say(pages.UNKNOWN, 404)
        return _html(await run_in_threadpool(self._pages.organizer, self._desk))

    async def refused(self, request: Request, error: HTTPException) -> Response:
        page = self._say(pages.NOT_FOUND, error.status_code)
        page.headers.update(error.headers or {})
        return page

    async def unsaved(self, request: Request, error: Exception) -> Response:
        return self._say(pages.UNSAVED, 503, _base(request) if "token" in request.path_params else None)

    def _say(self, message: Message, status: int = 200, base: str | None = None) -> Response:
        return _html(self._pages.message(message, base), status)


def _base(request: Request) -> str:
    return f"/r/{request.path_params['token']}"


def _html(text: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(text, status, headers={"Cache-Control": "no-store"})


async def _no_icon(request: Request) -> Response:
    return Response(status_code=204, headers={"Cache-Control": "max-age=86400"})  # browsers ask unbidden


def _static(name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
    content = (TEMPLATES / name).read_bytes()

    async def send(request: Request) -> Response:
        return Response(content, media_type=kind, headers={"Cache-Control": "max-age=300"})

    return send


async def _read_form(request: Request) -> dict[str, str]:
    """Read a small urlencoded form whose fields each come once. Raises MalformedAnswerError."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise MalformedAnswerError
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise MalformedAnswerError
    try:
        fields = parse_qs(body.decode("ascii"), strict_parsing=True, errors="strict", max_num_fields=8)
    except ValueError as error:  # also bytes that are no text, and too many fields
        raise MalformedAnswerError from error
    if any(len(values) != 1 for values in fields.values()):
        raise MalformedAnswerError
    return {name: values[0] for name, values in fields.items()}
