# SPDX-License-Identifier: MIT
"""What RFC 6455 and RFC 7692 ask of a server, as a table: the bytes that a client sends after its handshake, and what
must come back. Each row names the section and says what stands there.

A row's steps are bytes to send (each step is a write of its own), and what it expects is a list of:
    Pong(payload), Reply(id)  such a frame; Reply is the gateway's answer to its documented command `ping`
    Text()                    any text message (an answer to what is no command)
    Close(code)               a close frame with this code (None: without a body), then the end
A row that expects no Close ends with a closing handshake that must succeed: so nothing else came.
"""
import json
import struct
import zlib
from collections import namedtuple

Pong = namedtuple("Pong", "payload")
Reply = namedtuple("Reply", "id")
Text = namedtuple("Text", "")
Close = namedtuple("Close", "code")
Case = namedtuple("Case", "name section words steps expected deflate")

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = b"\x37\xfa\x21\x3d"
LIMIT = 4096  # of a documented message: docs/protocol.md

CASES = []


def case(name, section, words, steps, *expected, deflate=False):
    CASES.append(Case(name, section, words, [steps] if isinstance(steps, bytes) else list(steps), list(expected),
                      deflate))


def frame(opcode, payload=b"", fin=1, rsv=0, mask=MASK, form=None):
    """form: bytes of the extended length (0, 2 or 8); None: the shortest that fits."""
    n = len(payload)
    form = form if form is not None else 0 if n < 126 else 2 if n < 65536 else 8
    head = bytes([fin << 7 | rsv << 4 | opcode, (128 if mask else 0) | {0: n, 2: 126, 8: 127}[form]])
    head += {0: b"", 2: struct.pack(">H", n) if form == 2 else b"", 8: struct.pack(">Q", n)}[form]
    if not mask:
        return head + payload
    return head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))


def close(code=None, reason=b"", **options):
    return frame(CLOSE, b"" if code is None else struct.pack(">H", code) + reason, **options)


def command(name, size=None, pad=b""):
    """The text of a command that is answered with its id, of so many bytes."""
    text = json.dumps({"type": "ping", "id": name, "pad": "@"}).encode()
    if size is not None:
        pad = b"x" * (size - len(text) + 1)
    return text.replace(b"@", pad)


def chop(data, n):
    return [data[i:i + n] for i in range(0, len(data), n)]


def squeeze(data, level=9, final=False):
    z = zlib.compressobj(level, zlib.DEFLATED, -15)
    packed = z.compress(data) + z.flush(zlib.Z_FINISH if final else zlib.Z_SYNC_FLUSH)
    return packed + b"\x00" if final else packed[:-4]


# --- lengths -------------------------------------------------------------------------------------------------------

WORDS = "the length of the payload: 7 bits, 7+16 bits, or 7+64 bits"
for size in (41, 124, 125, 126, 127, 128, 255, 256, 1000, LIMIT - 1, LIMIT):
    whole = frame(TEXT, command("a", size))
    case(f"message of {size} bytes", "5.2", WORDS, whole, Reply("a"))
    case(f"message of {size} bytes in pieces of 997", "5.2", WORDS, chop(whole, 997), Reply("a"))
for size in (41, 126, 300):
    whole = frame(TEXT, command("a", size))
    case(f"message of {size} bytes, byte by byte", "5.2", WORDS, chop(whole, 1), Reply("a"))
for cut in range(1, 9):
    whole = frame(TEXT, command("a", 200))
    case(f"header cut after {cut} bytes", "5.2", WORDS, [whole[:cut], whole[cut:]], Reply("a"))
case("empty message", "5.6", "a text message, here of nothing", frame(TEXT), Text())
for size in (LIMIT + 1, 65535, 65536):
    case(f"message of {size} bytes is too big", "7.4.1", "1009: a message that is too big to process",
         frame(TEXT, b"x" * size), Close(1009))
case("message of 2^63-1 bytes is too big", "7.4.1", "1009: a message that is too big to process",
     b"\x81\xff\x7f" + b"\xff" * 7 + MASK + b"x" * 200, Close(1009))
case("message too big in fragments", "7.4.1", "1009: a message that is too big to process",
     [frame(TEXT, b"x" * 3000, fin=0), frame(CONT, b"x" * 3000)], Close(1009))

WORDS = "the minimal number of bytes MUST be used to encode the length"
for n, form in ((0, 2), (1, 2), (125, 2), (0, 8), (125, 8), (126, 8), (65535, 8)):
    case(f"length {n} in {form} bytes", "5.2", WORDS, frame(TEXT, b"x" * n, form=form), Close(1002))
case("length of 64 bits", "5.2", "the most significant bit MUST be 0",
     b"\x81\xff\x80" + bytes(6) + b"\x01" + MASK, Close(1002))
case("length of 64 ones", "5.2", "the most significant bit MUST be 0", b"\x82\xff" + b"\xff" * 8 + MASK, Close(1002))

# --- masks ---------------------------------------------------------------------------------------------------------

WORDS = "a server MUST close the connection upon receiving a frame that is not masked"
for opcode, what in ((TEXT, "text"), (BINARY, "binary"), (PING, "ping"), (PONG, "pong"), (CLOSE, "close")):
    case(f"{what} without a mask", "5.1", WORDS, frame(opcode, b"", mask=None), Close(1002))
    case(f"{what} with a payload without a mask", "5.1", WORDS, frame(opcode, b"\x03\xe8", mask=None), Close(1002))
case("continuation without a mask", "5.1", WORDS, [frame(TEXT, b"{", fin=0), frame(CONT, b"}", mask=None)], Close(1002))
case("message without a mask behind good ones", "5.1", WORDS,
     frame(TEXT, command("a")) + frame(PING, b"p") + frame(TEXT, command("b"), mask=None),
     Reply("a"), Pong(b"p"), Close(1002))
WORDS = "the masking key is a 32-bit value chosen at random by the client"
for mask in (bytes(4), b"\xff" * 4, b"\x00\x00\x00\x01", b"\x80\x00\x00\x00"):
    case(f"mask {mask.hex()}", "5.3", WORDS, frame(TEXT, command("m", 300), mask=mask), Reply("m"))
    case(f"mask {mask.hex()} of a ping", "5.3", WORDS, frame(PING, bytes(range(100)), mask=mask),
         Pong(bytes(range(100))))

# --- reserved bits and opcodes -------------------------------------------------------------------------------------

WORDS = "RSV1, RSV2, RSV3 MUST be 0 unless an extension is negotiated that defines meanings for non-zero values"
for rsv in range(1, 8):
    for opcode, what in ((TEXT, "text"), (BINARY, "binary"), (CLOSE, "close"), (PING, "ping"), (PONG, "pong")):
        case(f"RSV {rsv:03b} on {what}", "5.2", WORDS, frame(opcode, rsv=rsv), Close(1002))
    case(f"RSV {rsv:03b} on a continuation", "5.2", WORDS,
         [frame(TEXT, b"{", fin=0), frame(CONT, b"}", rsv=rsv)], Close(1002))
case("RSV on the second message", "5.2", WORDS, frame(TEXT, command("a")) + frame(TEXT, command("b"), rsv=4),
     Reply("a"), Close(1002))
for rsv in (1, 2, 3, 5, 6, 7):
    case(f"RSV {rsv:03b} with permessage-deflate", "5.2", WORDS, frame(TEXT, b"x", rsv=rsv), Close(1002), deflate=True)

WORDS = "if an unknown opcode is received, the receiving endpoint MUST fail the connection"
for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
    case(f"opcode {opcode}", "5.2", WORDS, frame(opcode), Close(1002))
    case(f"opcode {opcode} with a payload", "5.2", WORDS, frame(opcode, b"payload"), Close(1002))
    case(f"opcode {opcode} behind a message", "5.2", WORDS, frame(TEXT, command("a")) + frame(opcode),
         Reply("a"), Close(1002))
case("opcode 3 within a message", "5.2", WORDS, [frame(TEXT, b"{", fin=0), frame(3, b"}")], Close(1002))

# --- pings and pongs -----------------------------------------------------------------------------------------------

WORDS = "upon receipt of a Ping frame, an endpoint MUST send a Pong frame in response, with identical data"
for payload in (b"", b"x", b"hello", bytes(range(125)), b"\xff\xfe\x00" * 41, b"x" * 124, b"x" * 125):
    case(f"ping of {len(payload)} bytes {payload[:2].hex()}", "5.5.2", WORDS, frame(PING, payload), Pong(payload))
    case(f"ping of {len(payload)} bytes {payload[:2].hex()}, byte by byte", "5.5.2", WORDS,
         chop(frame(PING, payload), 1), Pong(payload))
case("ten pings one after the other", "5.5.2", WORDS, [x for i in range(10) for x in
     (frame(PING, b"%d" % i), Pong(b"%d" % i))], *[])
case("ten pings at once", "5.5.3", "an endpoint MAY send a Pong for only the most recently processed Ping",
     b"".join(frame(PING, b"%d" % i) for i in range(10)), Pong(b"9"))
WORDS = "a Pong frame MAY be sent unsolicited; a response to it is not expected"
for payload in (b"", b"x" * 125):
    case(f"pong of {len(payload)} bytes", "5.5.3", WORDS, [frame(PONG, payload), frame(PING, b"p")], Pong(b"p"))
WORDS = "all control frames MUST have a payload length of 125 bytes or less"
for opcode, what in ((PING, "ping"), (PONG, "pong"), (CLOSE, "close")):
    for n in (126, 200, 65536):
        case(f"{what} of {n} bytes", "5.5", WORDS, frame(opcode, b"\x03\xe8" + b"x" * (n - 2)), Close(1002))
    case(f"{what} with a long form of its length", "5.5", WORDS, frame(opcode, b"\x03\xe8", form=2), Close(1002))
    case(f"{what} in fragments", "5.4", "control frames themselves MUST NOT be fragmented",
         [frame(opcode, b"", fin=0), frame(CONT, b"")], Close(1002))

# --- fragments -----------------------------------------------------------------------------------------------------

WORDS = "a fragmented message: a frame with FIN clear, continuations, a last one with FIN set"
text = command("f", 120)
for cut in (0, 1, 7, 60, 119, 120):
    case(f"two fragments, cut at {cut}", "5.4", WORDS, [frame(TEXT, text[:cut], fin=0), frame(CONT, text[cut:])],
         Reply("f"))
    case(f"two fragments at once, cut at {cut}", "5.4", WORDS,
         frame(TEXT, text[:cut], fin=0) + frame(CONT, text[cut:]), Reply("f"))
case("a fragment a byte", "5.4", WORDS,
     frame(TEXT, text[:1], fin=0) + b"".join(frame(CONT, text[i:i + 1], fin=0) for i in range(1, len(text)))
     + frame(CONT), Reply("f"))
case("empty fragments between", "5.4", WORDS,
     [frame(TEXT, b"", fin=0), frame(CONT, text, fin=0), frame(CONT, b"", fin=0), frame(CONT)], Reply("f"))
case("fragments, byte by byte", "5.4", WORDS, chop(frame(TEXT, text[:50], fin=0) + frame(CONT, text[50:]), 1),
     Reply("f"))
WORDS = "control frames MAY be injected in the middle of a fragmented message"
case("ping between fragments", "5.4", WORDS,
     [frame(TEXT, text[:50], fin=0), frame(PING, b"p"), Pong(b"p"), frame(CONT, text[50:])], Reply("f"))
case("ping between fragments at once", "5.4", WORDS,
     frame(TEXT, text[:50], fin=0) + frame(PING, b"p") + frame(CONT, text[50:]), Reply("f"), Pong(b"p"))
case("pong between fragments", "5.4", WORDS,
     [frame(TEXT, text[:50], fin=0), frame(PONG, b"p"), frame(CONT, text[50:])], Reply("f"))
case("close between fragments", "5.4", WORDS, [frame(TEXT, text[:50], fin=0), close(1000)], Close(1000))
WORDS = "the fragments of one message MUST NOT be interleaved between those of another; a continuation follows a message"
case("message within a message", "5.4", WORDS, [frame(TEXT, text[:50], fin=0), frame(TEXT, text)], Close(1002))
case("binary within a text", "5.4", WORDS, [frame(TEXT, text[:50], fin=0), frame(BINARY, text, fin=0)], Close(1002))
for fin in (0, 1):
    case(f"continuation of nothing, FIN {fin}", "5.4", WORDS, frame(CONT, b"x", fin=fin), Close(1002))
    case(f"continuation of a whole message, FIN {fin}", "5.4", WORDS,
         [frame(TEXT, command("a")), frame(CONT, b"x", fin=fin)], Reply("a"), Close(1002))
    case(f"continuation behind the last fragment, FIN {fin}", "5.4", WORDS,
         frame(TEXT, text[:9], fin=0) + frame(CONT, text[9:]) + frame(CONT, b"x", fin=fin), Reply("f"), Close(1002))
WORDS = "1003: an endpoint has received a type of data it cannot accept"
for payload in (b"", b"x", b"\x00" * 200):
    case(f"binary message of {len(payload)} bytes", "7.4.1", WORDS, frame(BINARY, payload), Close(1003))
case("binary message in fragments", "7.4.1", WORDS, [frame(BINARY, b"x", fin=0), frame(CONT, b"x")], Close(1003))

# --- UTF-8 ---------------------------------------------------------------------------------------------------------

WORDS = "the payload of a text message is UTF-8"
VALID = ["κόσμε", "\x7f", "\x80", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\ufffd", "\uffff", "\ufffe", "\U00010000",
         "\U0001f600", "\U0003ffff", "\U0010ffff", "Hello-µ@ßöäüàá-UTF-8!!", "\ufeffx"]
for good in VALID:
    whole = frame(TEXT, command("u", pad=good.encode()))
    case(f"valid text {good.encode().hex()}", "8.1", WORDS, whole, Reply("u"))
good = command("u", pad="κ€😀".encode())
at = good.index("κ".encode())
for cut in range(at, at + 10):
    case(f"characters cut at {cut - at} into fragments", "5.6", "a fragment may end within a character",
         [frame(TEXT, good[:cut], fin=0), frame(CONT, good[cut:])], Reply("u"))
case("characters, byte by byte", "5.6", WORDS, chop(frame(TEXT, good), 1), Reply("u"))

INVALID = {
    "tail alone": "80", "last tail alone": "bf", "two tails": "80bf", "seven tails": "80bf80bf80bf80",
    "head of two cut off": "c3", "head of three cut off": "e2", "two of three": "e282", "head of four cut off": "f0",
    "two of four": "f09f", "three of four": "f09f98", "head, then ASCII": "c320", "three, then ASCII": "e28220",
    "four, then ASCII": "f09f9820", "fe": "fe", "ff": "ff", "fefeffff": "fefeffff", "head of five": "f888808080",
    "head of six": "fc8480808080", "overlong NUL": "c080", "overlong slash of two": "c0af",
    "overlong slash of three": "e080af", "overlong slash of four": "f08080af", "overlong of two, last": "c1bf",
    "overlong of three, last": "e09fbf", "overlong of four, last": "f08fbfbf", "surrogate d800": "eda080",
    "surrogate db7f": "edadbf", "surrogate dbff": "edafbf", "surrogate dc00": "edb080", "surrogate dfff": "edbfbf",
    "pair of surrogates": "eda080edb080", "U+110000": "f4908080", "f5": "f5808080", "U+1FFFFF": "f7bfbfbf",
    "latin 1": "e16b",
}
WORDS = "1007: data within a message that is not consistent with the type of the message"
for name, code in INVALID.items():
    bad = bytes.fromhex(code)
    case(f"invalid text: {name}", "8.1", WORDS, frame(TEXT, b"ok " + bad), Close(1007))
    case(f"invalid text in the second fragment: {name}", "8.1", WORDS,
         [frame(TEXT, b"ok ", fin=0), frame(CONT, bad)], Close(1007))
WORDS = "when an endpoint finds that a byte stream is not UTF-8, it MUST fail the connection (here: at once)"
for name in ("tail alone", "fe", "overlong slash of three", "surrogate d800", "U+110000", "head, then ASCII"):
    bad = bytes.fromhex(INVALID[name])
    case(f"fails before the message ends: {name}", "8.1", WORDS, frame(TEXT, b"ok " + bad, fin=0), Close(1007))
    case(f"fails in the third of many fragments: {name}", "8.1", WORDS,
         [frame(TEXT, b"o", fin=0), frame(CONT, b"k", fin=0), frame(CONT, bad, fin=0)], Close(1007))
case("fails though its character is cut by fragments", "8.1", WORDS,
     [frame(TEXT, b"\xf4", fin=0), frame(CONT, b"\x90", fin=0)], Close(1007))
case("fails before its frame ends", "8.1", WORDS,
     [b"\x81\xfe" + struct.pack(">H", 1000) + bytes(4) + b"\xff" * 200], Close(1007))
case("message that ends within a character, in fragments", "8.1", WORDS,
     [frame(TEXT, b"ok \xe2\x82", fin=0), frame(CONT)], Close(1007))

# --- closing -------------------------------------------------------------------------------------------------------

case("close without a body", "5.5.1", "the Close frame MAY contain a body", close(), Close(None))
WORDS = "when sending a Close frame in response, the endpoint typically echos the status code it received"
for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999):
    case(f"close with {code}", "5.5.1", WORDS, close(code), Close(code))
for n in (1, 100, 123):
    case(f"close with a reason of {n} bytes", "5.5.1", WORDS, close(1000, b"r" * n), Close(1000))
case("close with a reason in UTF-8", "5.5.1", WORDS, close(1000, "κ€😀".encode()), Close(1000))
case("close byte by byte", "5.5.1", WORDS, chop(close(1001, b"bye"), 1), Close(1001))
WORDS = "codes that MUST NOT be set in a Close frame by an endpoint, or are not defined"
for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1099, 1100, 2000, 2999, 5000, 65535):
    case(f"close with {code}", "7.4", WORDS, close(code), Close(1002))
case("close with a body of one byte", "5.5.1", "if there is a body, its first two bytes MUST be a status code",
     frame(CLOSE, b"\x03"), Close(1002))
WORDS = "the body may contain UTF-8-encoded data"
for name in ("tail alone", "overlong slash of two", "surrogate d800", "head of three cut off"):
    case(f"close with a reason that is not UTF-8: {name}", "5.5.1", WORDS,
         close(1000, b"r" + bytes.fromhex(INVALID[name])), Close(1002))
WORDS = "after sending or receiving a Close frame, data that follows is discarded"
case("message behind a close", "5.5.1", WORDS, close(1000) + frame(TEXT, command("a")), Close(1000))
case("ping behind a close", "5.5.1", WORDS, close(1000) + frame(PING, b"p"), Close(1000))
case("nonsense behind a close", "5.5.1", WORDS, close(1000) + b"\xff" * 50, Close(1000))
case("two closes", "5.5.1", WORDS, close(1000) + close(1001), Close(1000))
case("message before a close", "5.5.1", WORDS, frame(TEXT, command("a")) + close(1001), Reply("a"), Close(1001))
case("ping before a close", "5.5.1", WORDS, [frame(PING, b"p"), Pong(b"p"), close(3000)], Close(3000))

# --- permessage-deflate --------------------------------------------------------------------------------------------

text = command("d", 600)
packed = squeeze(text)
WORDS = "RFC 7692: RSV1 of the first frame tells that a message is compressed"
for name, payload in {"best": packed, "fast": squeeze(text, 1), "stored": squeeze(text, 0),
                      "with a final block": squeeze(text, final=True)}.items():
    case(f"compressed message, {name}", "RFC 7692, 7.2.2", WORDS, frame(TEXT, payload, rsv=4), Reply("d"),
         deflate=True)
case("compressed message, byte by byte", "RFC 7692, 7.2.2", WORDS, chop(frame(TEXT, packed, rsv=4), 1), Reply("d"),
     deflate=True)
for cut in (0, 1, len(packed) // 2, len(packed)):
    case(f"compressed message in two fragments, cut at {cut}", "RFC 7692, 6.1", WORDS,
         [frame(TEXT, packed[:cut], fin=0, rsv=4), frame(CONT, packed[cut:])], Reply("d"), deflate=True)
case("compressed message, a fragment a byte", "RFC 7692, 6.1", WORDS,
     frame(TEXT, packed[:1], fin=0, rsv=4) + b"".join(frame(CONT, bytes([b]), fin=0) for b in packed[1:])
     + frame(CONT), Reply("d"), deflate=True)
case("ping between compressed fragments", "RFC 7692, 6.1", WORDS,
     [frame(TEXT, packed[:9], fin=0, rsv=4), frame(PING, b"p"), Pong(b"p"), frame(CONT, packed[9:])], Reply("d"),
     deflate=True)
case("plain message after the offer was taken", "RFC 7692, 6", "an endpoint MAY send messages uncompressed",
     frame(TEXT, text), Reply("d"), deflate=True)
case("compressed and plain messages in turn", "RFC 7692, 6", WORDS,
     frame(TEXT, packed, rsv=4) + frame(TEXT, command("p")) + frame(TEXT, packed, rsv=4),
     Reply("d"), Reply("p"), Reply("d"), deflate=True)
case("compressed empty message", "RFC 7692, 7.2.3.6", WORDS, frame(TEXT, b"\x00", rsv=4), Text(), deflate=True)
case("RSV1 on a continuation", "RFC 7692, 6.1", "RSV1 MUST NOT be set on frames but the first",
     [frame(TEXT, packed[:9], fin=0, rsv=4), frame(CONT, packed[9:], rsv=4)], Close(1002), deflate=True)
case("RSV1 on the continuation of a plain message", "RFC 7692, 6.1", "RSV1 MUST NOT be set on frames but the first",
     [frame(TEXT, text[:9], fin=0), frame(CONT, text[9:], rsv=4)], Close(1002), deflate=True)
for opcode, what in ((PING, "ping"), (PONG, "pong"), (CLOSE, "close")):
    case(f"RSV1 on {what} after the offer was taken", "RFC 7692, 6", "RSV1 MUST NOT be set on control frames",
         frame(opcode, rsv=4), Close(1002), deflate=True)
WORDS = "RFC 7692, 8.2 and RFC 6455, 7.1.7: what cannot be decompressed fails the connection"
for name, payload in {"no deflate": b"\xff" * 20, "cut off": packed[:-5], "block type 3": b"\x07",
                      "nothing": b""}.items():
    case(f"broken compression: {name}", "RFC 7692, 7.2.2", WORDS, frame(TEXT, payload, rsv=4), Close(1007),
         deflate=True)
case("compressed text that is not UTF-8", "8.1", "1007", frame(TEXT, squeeze(b"ok \xff"), rsv=4), Close(1007),
     deflate=True)
case("compressed text that ends within a character", "8.1", "1007", frame(TEXT, squeeze(b"ok \xe2\x82"), rsv=4),
     Close(1007), deflate=True)
case("compressed message of the largest size", "RFC 7692, 7.2.2", WORDS,
     frame(TEXT, squeeze(command("d", LIMIT)), rsv=4), Reply("d"), deflate=True)
for n in (LIMIT + 1, 1 << 20):
    case(f"compressed message that becomes {n} bytes", "7.4.1", "1009: a message that is too big to process",
         frame(TEXT, squeeze(b"x" * n), rsv=4), Close(1009), deflate=True)
case("compressed binary message", "7.4.1", "1003", frame(BINARY, packed, rsv=4), Close(1003), deflate=True)

# --- the opening handshake -----------------------------------------------------------------------------------------

KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
VERSION = "Sec-WebSocket-Version: 13"
GOOD = ["Host: judge.example", "Upgrade: websocket", "Connection: Upgrade", KEY, VERSION]
DEFLATE = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


def lines(*without, more=()):
    return [line for line in GOOD if line.split(":")[0] not in without] + list(more)


def offer(*values):
    return lines(more=[f"Sec-WebSocket-Extensions: {value}" for value in values])


def subprotocol(*values):
    return lines(more=[f"Sec-WebSocket-Protocol: {value}" for value in values])


# Request line, fields, status, and fields that the answer must have (None: must not).
HANDSHAKES = [
    ("GET / HTTP/1.1", GOOD, 101, {"sec-websocket-accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "upgrade": "websocket",
                                   "connection": "Upgrade", "sec-websocket-protocol": None,
                                   "sec-websocket-extensions": None}),
    ("GET http://judge.example/ HTTP/1.1", GOOD, 101, {}),
    ("GET / HTTP/1.1", lines("Upgrade", more=["Upgrade: WebSocket"]), 101, {}),
    ("GET / HTTP/1.1", lines("Connection", more=["Connection: keep-alive, UPGRADE"]), 101, {}),
    ("GET / HTTP/1.1", lines("Connection", more=["Connection: keep-alive", "Connection: upgrade"]), 101, {}),
    ("GET / HTTP/1.1", lines(more=["X: a", "Sec: b", "Sec-WebSocket: c", "Set: d", "If: e"]), 101, {}),
    ("POST / HTTP/1.1", GOOD, 405, {}),
    ("GET / HTTP/1.0", GOOD, 400, {}),
    ("GET / HTTP/1.1", lines("Host"), 400, {}),
    ("GET / HTTP/1.1", lines("Connection"), 400, {}),
    ("GET / HTTP/1.1", lines("Sec-WebSocket-Key"), 400, {}),
    ("GET / HTTP/1.1", lines(more=[KEY]), 400, {}),
    ("GET / HTTP/1.1", lines("Sec-WebSocket-Key", more=["Sec-WebSocket-Key: short=="]), 400, {}),
    ("GET / HTTP/1.1", lines("Sec-WebSocket-Key", more=["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZSBsb25n"]), 400, {}),
    ("GET / HTTP/1.1", lines("Sec-WebSocket-Key", more=["Sec-WebSocket-Key: dGhl!HNhbXBsZSBub25jZQ=="]), 400, {}),
    ("GET / HTTP/1.1", lines("Sec-WebSocket-Version"), 426, {"sec-websocket-version": "13"}),
    ("GET / HTTP/1.1", lines("Sec-WebSocket-Version", more=["Sec-WebSocket-Version: 8"]), 426,
     {"sec-websocket-version": "13"}),
    ("GET / HTTP/1.1", lines("Sec-WebSocket-Version", more=["Sec-WebSocket-Version: 14"]), 426, {}),
    ("GET / HTTP/1.1", lines(more=["Content-Length: 5"]), 400, {}),
    ("GET / HTTP/1.1", lines(more=["Origin: https://evil.example"]), 403, {}),
    ("GET / HTTP/1.1", ["X: a", *lines(more=["X-Auth: b", "Origin: https://evil.example"])], 403, {}),
    ("GET /nowhere HTTP/1.1", GOOD, 404, {}),
    ("GET / HTTP/1.1", subprotocol("com.omegaup.events"), 101, {"sec-websocket-protocol": "com.omegaup.events"}),
    ("GET / HTTP/1.1", subprotocol("chat, com.omegaup.events"), 101, {"sec-websocket-protocol": "com.omegaup.events"}),
    ("GET / HTTP/1.1", subprotocol("chat", "com.omegaup.events"), 101,
     {"sec-websocket-protocol": "com.omegaup.events"}),
    ("GET / HTTP/1.1", subprotocol("COM.OMEGAUP.EVENTS"), 400, {}),
    ("GET / HTTP/1.1", subprotocol("com.omegaup.events2"), 400, {}),
    ("GET / HTTP/1.1", subprotocol("com.omegaup.events;q=1"), 400, {}),
    ("GET / HTTP/1.1", subprotocol("chat"), 400, {}),
    ("GET / HTTP/1.1", offer("permessage-deflate"), 101, {"sec-websocket-extensions": DEFLATE}),
    ("GET / HTTP/1.1", offer("permessage-deflate; client_max_window_bits"), 101,
     {"sec-websocket-extensions": DEFLATE}),
    ("GET / HTTP/1.1", offer('permessage-deflate; client_max_window_bits="10"'), 101,
     {"sec-websocket-extensions": DEFLATE}),
    ("GET / HTTP/1.1", offer("permessage-deflate; server_max_window_bits=15"), 101,
     {"sec-websocket-extensions": f"{DEFLATE}; server_max_window_bits=15"}),
    ("GET / HTTP/1.1", offer("permessage-deflate; server_no_context_takeover; client_no_context_takeover"), 101,
     {"sec-websocket-extensions": DEFLATE}),
    ("GET / HTTP/1.1", offer("x-webkit-deflate-frame, permessage-deflate"), 101,
     {"sec-websocket-extensions": DEFLATE}),
    ("GET / HTTP/1.1", offer("permessage-deflate; server_max_window_bits=10, permessage-deflate"), 101,
     {"sec-websocket-extensions": DEFLATE}),
    ("GET / HTTP/1.1", offer("x; " + "y" * 300, "permessage-deflate"), 101, {"sec-websocket-extensions": DEFLATE}),
    *[("GET / HTTP/1.1", offer(f"permessage-deflate; {bad}"), 101, {"sec-websocket-extensions": None}) for bad in
      ("server_max_window_bits=10", "server_max_window_bits=16", "server_max_window_bits=7", "server_max_window_bits",
       "client_max_window_bits=16", "client_max_window_bits=08", "server_no_context_takeover=1", "unknown",
       "client_no_context_takeover; client_no_context_takeover")],
    ("GET / HTTP/1.1", offer("unknown"), 101, {"sec-websocket-extensions": None}),
    ("GET / HTTP/1.1", offer("permessage-deflate; a=\"b"), 400, {}),
    ("GET / HTTP/1.1", offer(";"), 400, {}),
]
