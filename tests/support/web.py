"""A small HTTP server of a test's own that is not Connect."""

import contextlib
import http.server
import threading


class Request:
    """What somebody asked."""

    def __init__(self, handler):
        self.method, self.path = handler.command, handler.path
        self.headers = dict(handler.headers)
        self.body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))


@contextlib.contextmanager
def web_server(answer):
    """answer(requests so far, this one included) is (status, body). Yields the url and the requests
    that came."""
    requests = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self):
            requests.append(Request(self))
            status, body = answer(requests)
            self.send_response(status)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        do_GET = do_POST = answer

        def log_message(self, *_args):
            """Says nothing."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", requests
        finally:
            server.shutdown()
            thread.join()
