"""A real server on loopback that speaks OpenAI's chat API, or shows every fault."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server:
    """Answers with ``script``, an answer after the other (the last one for ever), and keeps the requests."""

    def __init__(self) -> None:
        self.script: list[tuple[int, object]] = [(200, '{"score": [8, 6], "reason": "close"}')]
        self.asked: list[dict] = []
        self.keys: list[str | None] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.asked.append({"path": self.path, **json.loads(body)})
                server.keys.append(self.headers.get("Authorization"))
                code, reply = server.script[min(len(server.asked), len(server.script)) - 1]
                if reply == "hang up":
                    self.connection.close()
                    return
                completion = {"choices": [{"message": {"role": "assistant", "content": reply}}]}
                answer = reply if isinstance(reply, bytes) else json.dumps(completion).encode()
                self.send_response(code)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *arguments: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
