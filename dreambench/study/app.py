"""The web application: its addresses, what each of them answers, and the headers of every response.

There are no cookies and no sessions. The token in the address is the only credential, so a link works in
any browser, and no page of another site can send a form.
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
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as HttpMessage

from dreambench.study import pages
from dreambench.study.database import OutOfTurnError, RaterProgress
from dreambench.study.folder import StudyFolder
from dreambench.study.pages import TEMPLATES, Message, Pages
from dreambench.study.questionnaire import MalformedAnswerError, Questionnaire
from dreambench.study.study_plan import Rater

MAX_FORM_BYTES = 4096  # ours have 200
_FORM = "application/x-www-form-urlencoded"
_STATIC = {"style.css": "text/css", "keys.js": "text/javascript"}
# Nothing from elsewhere, no inline script or style, no frame around the page, no form to elsewhere.
POLICY = (
    "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),  # the address holds the token
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-robots-tag", b"noindex, nofollow"),
]
Handler = Callable[[Request, Rater], Awaitable[Response]]


def build_app(folder: StudyFolder, questionnaire: Questionnaire) -> ASGIApp:
    """Return the application of one study."""
    site = _Site(folder, questionnaire)
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
    return SafeHeaders(app)  # the outermost, so that Starlette's own error page has them too


class SafeHeaders:
    """Wraps an application and adds the headers to every response, errors included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def send_with_headers(message: HttpMessage) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *_HEADERS]}
            await send(message)

        await self._app(scope, receive, send_with_headers)


class _Site:
    def __init__(self, folder: StudyFolder, questionnaire: Questionnaire) -> None:
        self._folder = folder
        self._questionnaire = questionnaire
        self._pages = Pages(questionnaire.plan)

    def for_rater(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """Return a handler that gets only the requests with a rater's token."""

        async def guarded(request: Request) -> Response:
            rater = self._questionnaire.rater(request.path_params["token"])
            return self._say(pages.UNKNOWN, 404) if rater is None else await handler(request, rater)

        return guarded

    async def _progress(self, rater: Rater) -> RaterProgress:
        return await run_in_threadpool(self._questionnaire.database.progress_of, rater.name)

    async def home(self, request: Request) -> Response:
        return self._say(pages.HOME)

    async def next(self, request: Request, rater: Rater) -> Response:
        base, progress = _base(request), await self._progress(rater)
        if not progress.consented:
            return _html(self._pages.consent(rater, base))
        if progress.answered >= len(rater.steps):
            return self._say(pages.DONE)
        return _html(self._pages.question(self._questionnaire.question(rater, progress.answered), base))

    async def consent(self, request: Request, rater: Rater) -> Response:
        await run_in_threadpool(self._questionnaire.database.consent, rater.name)
        return RedirectResponse(f"{_base(request)}/instructions", 303)

    async def instructions(self, request: Request, rater: Rater) -> Response:
        progress = await self._progress(rater)
        if not progress.consented:
            return RedirectResponse(_base(request), 303)
        return _html(self._pages.instructions(rater, _base(request), progress.answered))

    async def answer(self, request: Request, rater: Rater) -> Response:
        base = _base(request)
        if not (await self._progress(rater)).consented:
            return RedirectResponse(base, 303)
        try:
            form = await _read_form(request)
            await run_in_threadpool(self._questionnaire.take, rater, form)
        except MalformedAnswerError:
            return self._say(pages.MALFORMED, 400, base)
        except OutOfTurnError:
            return self._say(pages.REPEATED, 409, base)
        return RedirectResponse(base, 303)  # only now, with the answer on the disk, the next question

    async def picture(self, request: Request, rater: Rater) -> Response:
        name = request.path_params["name"]
        if not self._questionnaire.may_see(rater, name):
            raise HTTPException(404)
        content = await run_in_threadpool(self._folder.picture(name).read_bytes)
        kept = {"Cache-Control": "private, max-age=86400, immutable"}
        return Response(content, media_type="image/webp", headers=kept)

    async def organizer(self, request: Request) -> Response:
        if not self._questionnaire.is_organizer(request.path_params["token"]):
            return self._say(pages.UNKNOWN, 404)
        progress = await run_in_threadpool(self._questionnaire.database.progress)
        return _html(self._pages.organizer(progress))

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
    # Browsers ask for it by themselves.
    return Response(status_code=204, headers={"Cache-Control": "max-age=86400"})


def _static(name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
    content = (TEMPLATES / name).read_bytes()

    async def send(request: Request) -> Response:
        return Response(content, media_type=kind, headers={"Cache-Control": "max-age=300"})

    return send


async def _read_form(request: Request) -> dict[str, str]:
    """Read a small urlencoded form in which no field occurs twice. Raises MalformedAnswerError."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise MalformedAnswerError
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise MalformedAnswerError
    try:
        fields = parse_qs(body.decode("ascii"), strict_parsing=True, errors="strict", max_num_fields=8)
    except ValueError as error:  # also bytes that are not text, and too many fields
        raise MalformedAnswerError from error
    if any(len(values) != 1 for values in fields.values()):
        raise MalformedAnswerError
    return {name: values[0] for name, values in fields.items()}
