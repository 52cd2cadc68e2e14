"""HTTP for the service: a thread for each connection, which waits for the loop's answers."""

import logging
import re
import socket
import threading
from concurrent.futures import Future, wait
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import perf_counter
from types import TracebackType
from typing import Any

from kombu import Connection

from .loop import Loop
from .refusal import Refused
from .rules import Answer, Request, path_of
from .service import Service

__all__ = ["Server"]

logger = logging.getLogger("restms")

_PLAIN = "text/plain; charset=utf-8"

#: Bytes of the longest body.
MAX_BODY = 4 * 1024 * 1024

#: Seconds between looks whether a client that waits for a message is still there.
LOOK = 1.0

#: What a client may call this server, in its Host header, for the URIs of the answer.
_HOST = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9a-fA-F:.]{2,45}\])(:\d{1,5})?")


class Server:
    """A RestMS server, on an address and port (0: any free one) of this machine.

    ``broker`` is RabbitMQ's URL, or a Kombu connection for its own use. A context manager. Entering raises
    OSError if the port is taken or nobody listens at the broker's, and py-amqp's errors if it refuses us.
    """

    def __init__(self, broker: str | Connection, host: str = "127.0.0.1", port: int = 0) -> None:
        self.service = Service(lambda job: self.loop.call(job))
        self.loop = Loop(broker, self.service.connected)
        self._address = host, port

    def __enter__(self) -> "Server":
        self.loop.begin()
        try:
            self._http = _Http(self._address, self)
        except OSError:
            self.loop.stop()
            raise
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        host, port = self._http.server_address[:2]
        return f"http://{host!s}:{port}"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        wait([self.loop.call(self.service.close)], 10)
        self.loop.stop()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], server: Server) -> None:
        self.restms = server
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Say in the log, not on stderr, that a client hung up before it had its answer."""
        logger.info("%s hung up", client_address[0])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "RestMS", ""
    disable_nagle_algorithm = True  # the answer's head and body would wait for one another
    timeout = 60.0
    server: _Http

    def _perform(self) -> None:
        started = perf_counter()
        try:
            answer = self._answer()
        except Refused as refused:
            answer = Answer(refused.status, f"{refused.reason}\n".encode(), _PLAIN)
        except OSError:  # the client's connection; the broker's troubles are refusals
            answer = None
        except Exception:
            logger.exception("%s %s failed", self.command, self.path)
            answer = Answer(500, b"this server made a mistake; its log says which\n", _PLAIN)
        if answer is None:
            self.close_connection = True
            return
        took = (perf_counter() - started) * 1000
        fields = {"method": self.command, "path": self.path, "status": answer.status}
        logger.info("%s %s %d in %.1f ms", self.command, self.path, answer.status, took, extra=fields)
        self._send(answer)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = _perform  # noqa: N815

    def _answer(self) -> Answer | None:
        body = self._body()
        if "\n" in (self.headers.get("Content-Type") or ""):
            raise Refused(400, "the Content-Type is folded")
        headers = {name.title(): value for name, value in self.headers.items()}
        # A browser says so when a page of another site sends this, which may reach what its site may not.
        if (origin := headers.get("Origin")) and origin.partition("//")[2] != headers.get("Host"):
            raise Refused(403, "a page of another site may not use this server")
        request = Request(self.command, path_of(self.path), headers, body, self._base())
        restms = self.server.restms
        while True:
            answer = restms.loop.call(lambda: restms.service.answer(request)).result()
            if isinstance(answer, Answer):
                return answer
            if not self._patient(answer):
                return None

    def _base(self) -> str:
        host = self.headers.get("Host") or ""
        return f"http://{host}" if _HOST.fullmatch(host) else self.server.restms.url

    def _body(self) -> bytes:
        # What is not read would be taken for the next request.
        keep, self.close_connection = self.close_connection, True
        if "Transfer-Encoding" in self.headers:
            raise Refused(501, "a body comes with its Content-Length")
        length = self.headers.get("Content-Length") or "0"
        if not re.fullmatch("[0-9]{1,15}", length):
            raise Refused(400, "the Content-Length is not a number")
        if int(length) > MAX_BODY:
            raise Refused(413, f"a body has {MAX_BODY} bytes at most")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ConnectionAbortedError
        self.close_connection = keep
        return body

    def _patient(self, arrived: "Future[None]") -> bool:
        """Wait without limit; False if the client has gone meanwhile. What arrives then stays in the pipe."""
        while not wait([arrived], LOOK).done:
            self.connection.settimeout(0)
            try:
                if not self.connection.recv(1, socket.MSG_PEEK):
                    return False
            except BlockingIOError:
                pass
            finally:
                self.connection.settimeout(self.timeout)
        return True

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        if answer.content_type:
            self.send_header("Content-Type", answer.content_type)
        if answer.location:
            self.send_header("Location", answer.location)
        if answer.tag:
            self.send_header("ETag", answer.tag)
        if answer.modified is not None:
            self.send_header("Last-Modified", formatdate(answer.modified, usegmt=True))
            self.send_header("Cache-Control", "no-cache")
        if answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what is not HTTP, in plain text as 1/RestTL asks of every error."""
        self.close_connection = True
        self.command = self.command or ""
        self._send(Answer(int(code), f"{message or explain or 'no'}\n".encode(), _PLAIN))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Leave the log to ``_perform``."""
