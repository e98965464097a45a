"""Calls the echo service as a stranger: grpcio and its own stubs. Prints one line per check that held.

usage: echo_client.py STUBS_DIRECTORY SOCKET_PATH
"""

import sys

import grpc

sys.path.insert(0, sys.argv[1])
import echo_pb2  # noqa: E402
import echo_pb2_grpc  # noqa: E402

PATIENCE_S = 20
TRAILER_BYTES = bytes([0, 1, 0x7F, 0x80, 0xFF])


def failure(call):
    """The error a call ends with; a call that succeeds fails the check."""
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise AssertionError("the call succeeded")


def unary(echo):
    reply, call = echo.Unary.with_call(
        echo_pb2.EchoRequest(text="grüße"),
        timeout=PATIENCE_S,
        metadata=[("authorization", "Bearer x")],
    )
    assert reply.text == "grüße", reply
    assert reply.authorization == "Bearer x", reply
    assert call.code() == grpc.StatusCode.OK, call.code()


def client_stream(echo):
    requests = (echo_pb2.EchoRequest(text=text) for text in "abc")
    assert echo.Collect(requests, timeout=PATIENCE_S).text == "abc"


def server_stream(echo):
    replies = echo.Repeat(echo_pb2.EchoRequest(text="x", count=1000), timeout=PATIENCE_S)
    assert [reply.text for reply in replies] == [f"x {i}" for i in range(1000)]


def duplex(echo):
    requests = (echo_pb2.EchoRequest(text=str(i)) for i in range(10))
    replies = echo.Chat(requests, timeout=PATIENCE_S)
    assert [reply.text for reply in replies] == [str(i) for i in range(10)]


def trailers(echo):
    _, call = echo.Unary.with_call(
        echo_pb2.EchoRequest(text="t", trailers=True), timeout=PATIENCE_S
    )
    found = dict(call.trailing_metadata())
    assert found["echo-text"] == "t", found
    assert found["echo-bytes-bin"] == TRAILER_BYTES, found
    assert found["server-kind"] == "Unary", found


def status(echo):
    request = echo_pb2.EchoRequest(text="prüfen", fail_with=9)
    error = failure(lambda: echo.Unary(request, timeout=PATIENCE_S))
    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION, error
    assert error.details() == "prüfen", error

    request = echo_pb2.EchoRequest(text="ascii", fail_with=9, trailers=True)
    error = failure(lambda: echo.Unary(request, timeout=PATIENCE_S))
    assert dict(error.trailing_metadata())["echo-bytes-bin"] == TRAILER_BYTES, error


def deadline(echo):
    error = failure(lambda: echo.Unary(echo_pb2.EchoRequest(hang=True), timeout=0.3))
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error


def cancellation(echo):
    call = echo.Repeat(echo_pb2.EchoRequest(count=1, hang=True), timeout=PATIENCE_S)
    next(call)
    call.cancel()
    error = failure(lambda: next(call))
    assert error.code() == grpc.StatusCode.CANCELLED, error


def gzip(echo):
    text = "z" * 30_000
    reply = echo.Unary(
        echo_pb2.EchoRequest(text=text), timeout=PATIENCE_S, compression=grpc.Compression.Gzip
    )
    assert reply.text == text
    assert reply.request_encoding == "gzip", reply.request_encoding


def size_limit(echo):
    request = echo_pb2.EchoRequest(text="x" * 65_536)
    error = failure(lambda: echo.Unary(request, timeout=PATIENCE_S))
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error


CHECKS = [
    unary, client_stream, server_stream, duplex, trailers, status, deadline, cancellation, gzip, size_limit,
]

with grpc.insecure_channel(f"unix:{sys.argv[2]}") as channel:
    stub = echo_pb2_grpc.EchoStub(channel)
    for check in CHECKS:
        check(stub)
        print(check.__name__)
