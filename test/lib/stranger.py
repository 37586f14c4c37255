"""stranger.py -- a web server that answers every connection with what a test wants: bytes, or a function of the socket."""
import socket
import threading


class Stranger:
    """.port, and .requests: the heads of all that came."""

    def __init__(self, answer):
        self.answer, self.requests, self.over = answer, [], False
        self.sock = socket.create_server(('127.0.0.1', 0))
        self.port = self.sock.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while not self.over:
            try:
                c, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(c,), daemon=True).start()

    def serve(self, c):
        c.settimeout(60)
        try:
            data = b''
            while b'\r\n\r\n' not in data:
                more = c.recv(65536)
                if not more:
                    return
                data += more
            self.requests.append(data)
            if callable(self.answer):
                self.answer(c)
            else:
                c.sendall(self.answer)
        except OSError:
            pass            # it was given up
        finally:
            c.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over = True
        self.sock.close()


def head(*lines, status='200 OK'):
    return ('HTTP/1.1 ' + status + '\r\n' + ''.join(line + '\r\n' for line in lines) + '\r\n').encode('latin-1')
