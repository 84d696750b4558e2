//! The dialogue in Rust: dialogue URL TRANSPORT

use std::env;
use std::sync::mpsc::{channel, Receiver};
use std::time::Duration;

use rust_socketio::{client::Client, ClientBuilder, Event, Payload, RawClient, TransportType};
use serde_json::{json, Value};

const PATIENCE: Duration = Duration::from_secs(10);
const MESSAGES: usize = 300;

fn say(step: &str, got: Value) {
    println!("{}", json!({ "step": step, "got": got }));
}

fn readable(payload: Payload) -> Value {
    match payload {
        Payload::Text(values) => Value::Array(values),
        Payload::Binary(bytes) => json!([bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()]),
        #[allow(deprecated)]
        Payload::String(text) => json!([text]),
    }
}

struct Connection {
    client: Client,
    auth: Receiver<Value>,
    back: Receiver<Value>,
    refused: Receiver<Value>,
}

fn connect(url: &str, transport: &str, namespace: &str) -> Connection {
    let (auth_in, auth) = channel();
    let (back_in, back) = channel();
    let (refused_in, refused) = channel();
    let way = match transport {
        "polling" => TransportType::Polling,
        "websocket" => TransportType::Websocket,
        _ => TransportType::WebsocketUpgrade,
    };
    let client = ClientBuilder::new(url)
        .namespace(namespace)
        .transport_type(way)
        .reconnect(false)
        .auth(json!({ "token": "123" }))
        .on("auth", move |payload: Payload, _: RawClient| auth_in.send(readable(payload)).unwrap_or(()))
        .on("message-back", move |payload: Payload, _: RawClient| back_in.send(readable(payload)).unwrap_or(()))
        .on(Event::Error, move |payload: Payload, _: RawClient| refused_in.send(readable(payload)).unwrap_or(()))
        .connect()
        .expect("connection");
    Connection { client, auth, back, refused }
}

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let (url, transport) = (&arguments[1], &arguments[2]);
    let main = connect(url, transport, "/");
    let back = || main.back.recv_timeout(PATIENCE).expect("message-back");
    say("auth", main.auth.recv_timeout(PATIENCE).expect("auth"));

    let values = vec![json!(1), json!("zwei ☃ 😀"), json!({ "a": [true, null, 1.5] })];
    main.client.emit("message", Payload::Text(values)).expect("emit");
    say("text", back());
    main.client.emit("message", Payload::from(vec![0u8, 1, 0xff])).expect("emit");
    say("bytes", back());

    let (ack_in, ack) = channel();
    let answer = move |payload: Payload, _: RawClient| ack_in.send(readable(payload)).unwrap_or(());
    main.client.emit_with_ack("message-with-ack", json!("a"), PATIENCE, answer).expect("emit");
    say("ack", ack.recv_timeout(PATIENCE).expect("ack"));

    for number in 0..MESSAGES {
        main.client.emit("message", json!(number)).expect("emit");
    }
    say("order", json!((0..MESSAGES).all(|number| back() == json!([number]))));

    let custom = connect(url, transport, "/custom");
    custom.client.emit("message", json!("elsewhere")).expect("emit");
    say("namespace", custom.back.recv_timeout(PATIENCE).expect("message-back"));
    custom.client.disconnect().expect("disconnect");

    let nowhere = connect(url, transport, "/nowhere");
    say("refused", nowhere.refused.recv_timeout(PATIENCE).expect("refusal"));
    main.client.disconnect().expect("disconnect");
    say("end", json!(true));
    std::process::exit(0);
}
