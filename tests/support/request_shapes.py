# SPDX-License-Identifier: MIT
"""Some hundred requests as bytes, and what every HTTP port of the Broadcaster answers.

A row: name, bytes, the statuses of the answers in their order, and what is different where. `none`:
the connection ends without an answer. Where one answer ends the connection, a second request in the
same bytes has none.
"""
from dataclasses import dataclass, field

CLOSE = "Connection: close\r\n"
HOST = "Host: x\r\n"
LONG_LINE = "/health?" + "a" * 17_000
MANY_FIELDS = "X-Many: " + "a" * 70_000 + "\r\n"


@dataclass
class Shape:
    name: str
    data: bytes
    answers: tuple
    elsewhere: dict = field(default_factory=dict)

    def answers_of(self, server):
        """server: publisher, admin or gateway; TLS makes no difference."""
        return self.elsewhere.get(server, self.answers)


def get(line="GET /health HTTP/1.1", fields="", host=HOST, close=CLOSE, end="\r\n", rest=""):
    return f"{line}\r\n{host}{close}{fields}{end}{rest}"


SHAPES = []


def row(name, text, *answers, **elsewhere):
    data = text if isinstance(text, bytes) else text.encode("latin-1")
    other = {server: (value,) if isinstance(value, int) else value
             for server, value in elsewhere.items()}
    SHAPES.append(Shape(name, data, answers, other))


# --- what is taken --------------------------------------------------------------------------

row("plain GET", get(), 200)
row("HEAD", get("HEAD /health HTTP/1.1"), 200)
row("HTTP/1.0", get("GET /health HTTP/1.0"), 200)
row("HTTP/1.0 without Host", get("GET /health HTTP/1.0", host=""), 200)
row("query", get("GET /health?a=b&c=%20 HTTP/1.1"), 200)
row("name in capitals", get(host="HOST: x\r\n"), 200)
row("blanks around a value", get(fields="X-A: \t b \t \r\n"), 200)
row("empty value", get(fields="X-A:\r\n"), 200)
row("no blank behind the colon", get(host="Host:x\r\n"), 200)
row("bytes over 0x7f in a value", get(fields="X-A: \xc3\xa9\xff\r\n"), 200)
row("every character of a token", get(fields="!#$%&'*+-.^_`|~09azAZ: b\r\n"), 200)
row("the same unknown field twice", get(fields="X-A: 1\r\nX-A: 2\r\n"), 200)
row("a prefix of a known name", get(fields="X: a\r\nIf: b\r\nSet: c\r\nX-Auth: d\r\n"), 200)
row("a long extension name", get(fields="X-" + "a" * 300 + ": b\r\n"), 200)
row("a long value", get(fields="X-A: " + "b" * 9000 + "\r\n"), 200)
row("a hundred fields", get(fields="".join(f"X-{i}: {i}\r\n" for i in range(100))), 200)
row("no such path", get("GET /nothing/here HTTP/1.1"), 404)
row("percent escapes in the path", get("GET /nothing%2fhere%00 HTTP/1.1"), 404)
row("length zero", get(fields="Content-Length: 0\r\n"), 200)
row("an expectation of an older protocol",
    get("GET /health HTTP/1.0", fields="Expect: 100-continue\r\n"), 200)

# --- before the request ---------------------------------------------------------------------

row("an empty line before it", "\r\n" + get(), 200)
row("three empty lines before it", "\r\n\r\n\r\n" + get(), 200)
row("a bare line feed before it", "\n" + get(), 400)
row("a blank before it", " " + get(), 400)
row("NUL before it", "\0" + get(), 400)
row("a byte order mark before it", b"\xef\xbb\xbf" + get().encode(), 400)

# --- the request line -----------------------------------------------------------------------

row("no version", "GET /health\r\n\r\n", 400)
row("HTTP/0.9", get("GET /health HTTP/0.9"), 400)
row("HTTP/1.2", get("GET /health HTTP/1.2"), 400)
row("HTTP/1", get("GET /health HTTP/1"), 400)
row("HTTP/1.10", get("GET /health HTTP/1.10"), 400)
row("HTTP/2.0", get("GET /health HTTP/2.0"), 505)
row("HTTP/3.0", get("GET /health HTTP/3.0"), 505)
row("HTTP/2", get("GET /health HTTP/2"), 400)
row("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)
row("version in small letters", get("GET /health http/1.1"), 400)
row("another protocol's version", get("GET /health ICAP/1.1"), 400)
row("two blanks before the target", get("GET  /health HTTP/1.1"), 400)
row("two blanks before the version", get("GET /health  HTTP/1.1"), 400)
row("a blank at the end", get("GET /health HTTP/1.1 "), 400)
row("a tab between", get("GET\t/health\tHTTP/1.1"), 400)
row("a blank in the target", get("GET /hea lth HTTP/1.1"), 400)
row("NUL in the target", get("GET /health\0 HTTP/1.1"), 400)
row("a control character in the target", get("GET /health\x01 HTTP/1.1"), 400)
row("DEL in the target", get("GET /health\x7f HTTP/1.1"), 400)
row("bytes over 0x7f in the target", get("GET /health\xe9 HTTP/1.1"), 400)
row("a fragment", get("GET /health#a HTTP/1.1"), 400)
row("a method that is no token", get("G(T /health HTTP/1.1"), 400)
row("no method", " /health HTTP/1.1\r\n" + HOST + "\r\n", 400)
row("no path", get("GET health HTTP/1.1"), 400)
row("a query alone", get("GET ?a HTTP/1.1"), 400)
row("an asterisk for GET", get("GET * HTTP/1.1"), 400)
row("OPTIONS of the server", get("OPTIONS * HTTP/1.1"), 404, gateway=405)
row("CONNECT", get("CONNECT judge.example:443 HTTP/1.1"), 400)
row("an unknown method", get("BREW /health HTTP/1.1"), 405)
row("a method in small letters", get("get /health HTTP/1.1"), 405)
row("POST where nothing is posted", get("POST /health HTTP/1.1",
                                        fields="Content-Length: 0\r\n"), 405)
row("a long line", get(f"GET {LONG_LINE} HTTP/1.1"), 414, gateway=431)
row("a line without end", "G" * 20_000, 414, gateway=431)

# --- absolute form --------------------------------------------------------------------------

row("absolute form", get("GET http://x/health HTTP/1.1"), 200)
row("absolute form of https", get("GET HTTPS://x:443/health HTTP/1.1"), 200)
row("absolute form, another Host", get("GET http://y/health HTTP/1.1"), 200)
row("absolute form without a path", get("GET http://x HTTP/1.1"), 404, gateway=200)
row("absolute form without Host", get("GET http://x/health HTTP/1.1", host=""), 400)
row("absolute form without a host", get("GET http:///health HTTP/1.1"), 400)
row("absolute form with a user", get("GET http://u@x/health HTTP/1.1"), 400)
row("absolute form of another scheme", get("GET ftp://x/health HTTP/1.1"), 400)

# --- Host -----------------------------------------------------------------------------------

row("no Host", get(host=""), 400)
row("two Hosts", get(host=HOST + HOST), 400)
row("two Hosts in different letters", get(host=HOST + "HOST: y\r\n"), 400)
for good in ("my_judge", "judge.example:8443", "127.0.0.1:80", "[::1]:80", "[::ffff:1.2.3.4]",
             "xn--bcher-kva.example", "a%20b"):
    row(f"Host {good}", get(host=f"Host: {good}\r\n"), 200)
for bad in ("a b", "a/b", "a@b", "a?b", "http://a", "a:b", "a:70000", "[::1", "::1", "[x]", "a,b c",
            '"a"', "a\\b", "<a>"):
    row(f"Host {bad}", get(host=f"Host: {bad}\r\n"), 400)

# --- line ends and fields -------------------------------------------------------------------

row("bare line feeds", get().replace("\r\n", "\n"), 400)
row("a bare line feed behind the request line", get().replace("\r\n", "\n", 1), 400)
row("a bare line feed behind a field", get(fields="X-A: b\n"), 400)
row("a bare line feed at the end", get(end="\n"), 400)
row("a bare carriage return in a value", get(fields="X-A: b\rc\r\n"), 400)
row("two carriage returns", get(fields="X-A: b\r\r\n"), 400)
row("a folded line", get(fields="X-A: b\r\n c\r\n"), 400)
row("a line folded with a tab", get(fields="X-A: b\r\n\tc\r\n"), 400)
row("a blank before the first name", get(host=" Host: x\r\n"), 400)
row("a blank before the colon", get(fields="X-A : b\r\n"), 400)
row("a tab before the colon", get(fields="X-A\t: b\r\n"), 400)
row("no colon", get(fields="X-A\r\n"), 400)
row("no name", get(fields=": b\r\n"), 400)
row("a blank in a name", get(fields="X A: b\r\n"), 400)
row("a name in quotes", get(fields='"X": b\r\n'), 400)
row("bytes over 0x7f in a name", get(fields="X-\xe9: b\r\n"), 400)
row("NUL in a value", get(fields="X-A: b\0c\r\n"), 400)
row("NUL in a name", get(fields="X\0A: b\r\n"), 400)
row("a control character in a value", get(fields="X-A: \x07\r\n"), 400)
row("DEL in a value", get(fields="X-A: \x7f\r\n"), 400)
row("too many bytes of fields", get(fields=MANY_FIELDS), 431)

# --- where the body ends --------------------------------------------------------------------

for name, value in (("signed", "+0"), ("negative", "-1"), ("in hexadecimal", "0x0"), ("empty", ""),
                    ("a list", "0, 0"), ("two numbers", "0 0"), ("no number", "zero"),
                    ("too long", "1000000000000000000"), ("a fraction", "0.0")):
    row(f"a length that is {name}", get(fields=f"Content-Length: {value}\r\n"), 400)
row("two lengths", get(fields="Content-Length: 0\r\nContent-Length: 0\r\n"), 400)
row("two lengths that differ", get(fields="Content-Length: 0\r\nContent-Length: 5\r\n"), 400)
row("length and chunks",
    get(fields="Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", rest="0\r\n\r\n"), 400)
row("chunks and length",
    get(fields="Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", rest="0\r\n\r\n"), 400)
row("chunks in HTTP/1.0",
    get("GET /health HTTP/1.0", fields="Transfer-Encoding: chunked\r\n", rest="0\r\n\r\n"), 400)
row("chunked twice in one field",
    get(fields="Transfer-Encoding: chunked, chunked\r\n", rest="0\r\n\r\n"), 400)
row("chunked in two fields",
    get(fields="Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", rest="0\r\n\r\n"),
    400)
row("chunked and a comma", get(fields="Transfer-Encoding: chunked,\r\n", rest="0\r\n\r\n"), 400)
row("chunked with a parameter", get(fields="Transfer-Encoding: chunked;a=b\r\n"), 400)
row("an empty coding", get(fields="Transfer-Encoding:\r\n"), 400)
row("an unknown coding", get(fields="Transfer-Encoding: xchunked\r\n"), 501)
row("a known coding before chunks", get(fields="Transfer-Encoding: gzip, chunked\r\n"), 501)
row("identity", get(fields="Transfer-Encoding: identity\r\n"), 501)

# --- one after the other --------------------------------------------------------------------

row("two requests at once", get(close="") + get(), 200, 200, admin=200, gateway=200)
row("an empty line between two", get(close="") + "\r\n" + get(), 200, 200, admin=200, gateway=200)
row("a request behind the last one", get() + get(), 200)
row("rubbish behind the last one", get() + "\0rubbish\r\n\r\n", 200)
row("a bad request behind a good one", get(close="") + get("GET  /health HTTP/1.1"), 200, 400,
    admin=200, gateway=200)
row("a bad request before a good one", get(fields="X-A : b\r\n", close="") + get(), 400)
row("only the beginning of one", "GET /health HTTP/1.1\r\nHost: x\r\n")
row("nothing at all", "")

# --- other protocols ------------------------------------------------------------------------

row("a TLS hello inside", bytes.fromhex("16030100510100004d0303") + bytes(70), 400)
row("SSH", "SSH-2.0-OpenSSH_9.2\r\n\r\n", 400)
row("SMTP", "EHLO judge.example\r\n\r\n", 400)
row("Redis", "*1\r\n$4\r\nPING\r\n\r\n", 400)
