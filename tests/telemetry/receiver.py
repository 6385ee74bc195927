"""The end of the way of telemetry: takes OTLP over HTTP and gRPC, checks its form, and writes what arrived to a
file, one JSON object per request.

    receiver.py ADDRESS FILE [--refuse]

It listens on two ports of ADDRESS that are free and says them first: {"http": 1, "grpc": 2}. With --refuse it is
full: 429 and RESOURCE_EXHAUSTED, without a word on when to come again.
"""

import gzip
import json
import sys
import threading
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

# By the last part of the path: the request, the answer, and the bytes that stand for numbers of spans.
SIGNALS = {
    "traces": (trace_service_pb2.ExportTraceServiceRequest, trace_service_pb2.ExportTraceServiceResponse),
    "metrics": (metrics_service_pb2.ExportMetricsServiceRequest, metrics_service_pb2.ExportMetricsServiceResponse),
    "logs": (logs_service_pb2.ExportLogsServiceRequest, logs_service_pb2.ExportLogsServiceResponse),
}
IDENTIFIERS = {"trace_id": 16, "span_id": 8, "parent_span_id": 8}


class Sink:
    """The file. One line per request, whole or not at all."""

    def __init__(self, path):
        self.file = open(path, "a", encoding="utf-8", buffering=1)
        self.lock = threading.Lock()

    def put(self, signal, way, message):
        complaint = wrong(message)
        line = {"signal": signal, "way": way, "resources": plain(message), "complaint": complaint}
        with self.lock:
            self.file.write(json.dumps(line) + "\n")
        return complaint


def plain(message):
    """The message as JSON, with numbers of traces and spans in hexadecimal digits as everybody writes them."""
    content = MessageToDict(message, preserving_proto_field_name=True)
    [resources] = content.values() or [[]]
    return hexadecimal(resources)


def hexadecimal(value):
    import base64

    if isinstance(value, list):
        return [hexadecimal(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: base64.b64decode(item).hex() if key in IDENTIFIERS else hexadecimal(item)
        for key, item in value.items()
    }


def wrong(message):
    """What the specification forbids; nothing if it is in order."""
    if message.DESCRIPTOR.name != "ExportTraceServiceRequest":
        return None
    for resource in message.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                if len(span.trace_id) != 16 or not any(span.trace_id):
                    return f"{span.name}: trace_id"
                if len(span.span_id) != 8 or not any(span.span_id):
                    return f"{span.name}: span_id"
                if len(span.parent_span_id) not in (0, 8):
                    return f"{span.name}: parent_span_id"
                if not span.name:
                    return "a span has no name"
                if not 0 < span.start_time_unix_nano <= span.end_time_unix_nano:
                    return f"{span.name}: it ends before it starts"
                keys = [pair.key for pair in span.attributes]
                if len(keys) != len(set(keys)):
                    return f"{span.name}: an attribute comes twice: {sorted(keys)}"
    return None


def handler(sink, refuses):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            if refuses:
                return self.answer(429, b"")
            signal = self.path.removeprefix("/v1/")
            if signal not in SIGNALS or self.headers["content-type"] != "application/x-protobuf":
                return self.answer(404, b"")
            if self.headers["content-encoding"] == "gzip":
                body = gzip.decompress(body)
            request, response = SIGNALS[signal]
            try:
                complaint = sink.put(signal, "http", request.FromString(body))
            except Exception as error:  # Whatever a decoder may throw: it is the sender's fault.
                return self.answer(400, str(error).encode())
            if complaint:
                return self.answer(400, complaint.encode())
            self.answer(200, response().SerializeToString())

        def answer(self, status, body):
            self.send_response(status)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler


def servicer(sink, refuses, signal, base):
    _, response = SIGNALS[signal]

    def export(_, request, context):
        if refuses:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "full")
        complaint = sink.put(signal, "grpc", request)
        if complaint:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, complaint)
        return response()

    return type(base.__name__, (base,), {"Export": export})()


def main():
    address, path = sys.argv[1:3]
    refuses = "--refuse" in sys.argv[3:]
    sink = Sink(path)
    server = grpc.server(futures.ThreadPoolExecutor(8))
    for signal, module, name in [
        ("traces", trace_service_pb2_grpc, "Trace"),
        ("metrics", metrics_service_pb2_grpc, "Metrics"),
        ("logs", logs_service_pb2_grpc, "Logs"),
    ]:
        added = servicer(sink, refuses, signal, getattr(module, f"{name}ServiceServicer"))
        getattr(module, f"add_{name}ServiceServicer_to_server")(added, server)
    grpc_port = server.add_insecure_port(f"{address}:0")
    server.start()
    http = ThreadingHTTPServer((address, 0), handler(sink, refuses))
    http.daemon_threads = True
    print(json.dumps({"http": http.server_port, "grpc": grpc_port}), flush=True)
    http.serve_forever()


main()
