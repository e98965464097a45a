"""A foreign client of nf-service: Python grpcio and stubs generated from our protos, nothing of ours.

Reads one JSON object per line from standard input and answers each with one line:
  {"method": "UmemService.CreateUmem", "request": {...}}  ->  {"ok": true, "response": {...}}
                                                         or  {"ok": false, "code": "NOT_FOUND", "message": ..., details}
  {"method": "watch", "request": {WatchEventsRequest}}    ->  starts to gather events, {"ok": true, "response": {}}
  {"method": "events"}                                    ->  everything gathered so far
  {"method": "cycle", "request": {...}}                   ->  creates and deletes resources many times, see cycle()
"""
import collections
import importlib
import json
import os
import subprocess
import sys
import threading

import grpc
from google.protobuf import json_format

FILES = {"UmemService": "umem", "XskSocketService": "xsk_socket", "VhostDeviceService": "vhost_device",
         "LinkService": "link", "BridgeService": "bridge", "CpumapService": "cpumap", "SteeringService": "steering",
         "NodeService": "node"}


def generate(protos, tools, out):
    """Stubs from our protos, by protoc and the Python plugin of Debian."""
    os.makedirs(out, exist_ok=True)
    sources = [f"nf/v1/{n}" for n in sorted(os.listdir(os.path.join(protos, "nf", "v1"))) if n.endswith(".proto")]
    plugin = "/usr/bin/grpc_python_plugin"
    subprocess.run(["/usr/bin/protoc", f"-I{protos}", f"-I{tools}", f"--python_out={out}", f"--grpc_out={out}",
                    f"--plugin=protoc-gen-grpc={plugin}", *sources, "google/rpc/status.proto"], check=True)


def load_status(out):
    """google.rpc.Status from the file generated for it; the google package itself lies elsewhere."""
    spec = importlib.util.spec_from_file_location("nf_status_pb2", os.path.join(out, "google/rpc/status_pb2.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Client:
    def __init__(self, address, out):
        sys.path.insert(0, out)
        self.status = load_status(out)
        self.channel = grpc.insecure_channel(
            address, [("grpc.max_receive_message_length", 16 << 20)])  # a prefix table may come back
        self.messages, self.stubs, self.services = {}, {}, {}
        for service, name in FILES.items():
            self.messages[service] = importlib.import_module(f"nf.v1.{name}_pb2")
            stubs = importlib.import_module(f"nf.v1.{name}_pb2_grpc")
            self.stubs[service] = getattr(stubs, f"{service}Stub")(self.channel)
            self.services[service] = self.messages[service].DESCRIPTOR.services_by_name[service]
        self.events = []
        self.lock = threading.Lock()

    def call(self, method, request, timeout=15):
        service, name = method.split(".")
        kind = self.services[service].methods_by_name[name].input_type.name
        message = json_format.ParseDict(request, getattr(self.messages[service], kind)())
        return getattr(self.stubs[service], name)(message, timeout=timeout)

    def answer(self, line):
        method, request = line["method"], line.get("request") or {}
        if method == "watch":
            self.watch(request)
            return {}
        if method == "events":
            with self.lock:
                return {"events": list(self.events)}
        if method == "cycle":
            return self.cycle(request)
        return as_dict(self.call(method, request, line.get("timeout", 15)))

    def watch(self, request):
        message = json_format.ParseDict(request, self.messages["NodeService"].WatchEventsRequest())
        stream = self.stubs["NodeService"].WatchEvents(message)

        def gather():
            try:
                for response in stream:
                    with self.lock:
                        self.events.append(as_dict(response.event))
            except grpc.RpcError as error:
                with self.lock:
                    self.events.append({"end": error.code().name})

        threading.Thread(target=gather, daemon=True).start()

    def cycle(self, request):
        """Creates a UMEM, two sockets and a link, and deletes them in the opposite order, `count` times, with the
        variants of the specs taking turns; tells how many UMEMs had which size of pages."""
        pages = collections.Counter()
        for turn in range(request["count"]):
            variant = request["variants"][turn % len(request["variants"])]
            made = self.call("UmemService.CreateUmem", {"name": "cycle", "spec": variant["umem"]})
            pages[made.umem.status.page_size] += 1
            for name, interface in zip(("cycle-a", "cycle-b"), request["interfaces"]):
                spec = {"umem": "cycle", "interface": interface, "network_namespace": {"path": request["namespace"]},
                        **variant["xsk"]}
                self.call("XskSocketService.BindXskSocket", {"name": name, "spec": spec})
            ends = {"a": {"xsk_sockets": ["cycle-a"]}, "b": {"xsk_sockets": ["cycle-b"]}}
            self.call("LinkService.CreateLink", {"name": "cycle", "spec": ends})
            self.call("LinkService.DeleteLink", {"name": "cycle"})
            for name in ("cycle-a", "cycle-b"):
                self.call("XskSocketService.UnbindXskSocket", {"name": name})
            self.call("UmemService.DeleteUmem", {"name": "cycle"})
        names = self.messages["UmemService"].PageSize
        return {"pages": {names.Name(size): count for size, count in pages.items()}}

    def failure(self, error):
        """The status code, and the details that came in the trailers."""
        result = {"ok": False, "code": error.code().name, "message": error.details(), "violations": [], "reason": "",
                  "domain": "", "metadata": {}, "retry": False}
        for key, value in error.trailing_metadata() or ():
            if key != "grpc-status-details-bin":
                continue
            status = self.status.Status.FromString(value)
            result["status_code"], result["status_message"] = status.code, status.message
            for detail in status.details:
                bad, info, retry = self.status.BadRequest(), self.status.ErrorInfo(), self.status.RetryInfo()
                if detail.Unpack(bad):
                    result["violations"] += [
                        {"field": v.field, "description": v.description} for v in bad.field_violations]
                elif detail.Unpack(info):
                    result.update(reason=info.reason, domain=info.domain, metadata=dict(info.metadata))
                elif detail.Unpack(retry):
                    result["retry"] = True
        return result


def as_dict(message):
    return json_format.MessageToDict(message, including_default_value_fields=True, preserving_proto_field_name=True)


def main():
    address, protos, tools, out = sys.argv[1:5]
    if not os.path.isdir(os.path.join(out, "nf")):
        generate(protos, tools, out)
    client = Client(address, out)
    print("ready", flush=True)
    for text in sys.stdin:
        try:
            result = {"ok": True, "response": client.answer(json.loads(text))}
        except grpc.RpcError as error:
            result = client.failure(error)
        except Exception as error:
            result = {"ok": False, "code": "CLIENT", "message": f"{type(error).__name__}: {error}"}
        print(json.dumps(result), flush=True)


main()
