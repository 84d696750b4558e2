"""The dialogue in Python: python dialogue.py URL TRANSPORT"""

import json
import queue
import sys

import engineio
import socketio

# More packets in one polling answer are an error to this client unless it is told so.
engineio.payload.Payload.max_decode_packets = 500

url, transport = sys.argv[1:]
auth = {"auth": {"token": "123"}} if int(getattr(socketio, "__version__", "5").split(".")[0]) >= 5 else {}
transports = ["polling", "websocket"] if transport == "upgrade" else [transport]


def readable(value):
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if isinstance(value, (list, tuple)):
        return [readable(inner) for inner in value]
    if isinstance(value, dict):
        return {key: readable(inner) for key, inner in value.items()}
    return value


def say(step, got):
    print(json.dumps({"step": step, "got": readable(got)}), flush=True)


def listen(client, namespace):
    events = {"auth": queue.Queue(), "message-back": queue.Queue()}
    for name, arrived in events.items():
        client.on(name, lambda *args, arrived=arrived: arrived.put(args), namespace=namespace)
    return lambda name: events[name].get(timeout=10)


client = socketio.Client(reconnection=False)
event = listen(client, "/")
custom = listen(client, "/custom")
ended = queue.Queue()
client.on("disconnect", lambda *reason: ended.put(True))
client.connect(url, transports=transports, namespaces=["/", "/custom"], **auth)
say("auth", event("auth"))

client.emit("message", (1, "zwei ☃ 😀", {"a": [True, None, 1.5]}))
say("text", event("message-back"))
client.emit("message", ({"deep": [bytes([0, 1, 0xFF])]}, b"more"))
say("bytes", event("message-back"))
say("ack", client.call("message-with-ack", ("a", bytes([7]))))

for number in range(300):
    client.emit("message", number)
say("order", [event("message-back")[0] for _ in range(300)] == list(range(300)))
say("transport", client.transport() if callable(client.transport) else client.transport)

custom("auth")
client.emit("message", "elsewhere", namespace="/custom")
say("namespace", custom("message-back"))

refused = socketio.Client(reconnection=False)
reasons = queue.Queue()
refused.on("connect_error", reasons.put, namespace="/nowhere")
try:
    refused.connect(url, transports=transports, namespaces=["/nowhere"], **auth)
except socketio.exceptions.ConnectionError:
    pass
reason = reasons.get(timeout=10)
say("refused", reason["message"] if isinstance(reason, dict) else reason)
refused.disconnect()

client.disconnect()
if auth:  # older ones tell only of disconnects they did not ask for
    ended.get(timeout=10)
say("end", not client.connected)
