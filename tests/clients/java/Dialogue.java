// The dialogue in Java: java Dialogue.java URL TRANSPORT

import io.socket.client.Ack;
import io.socket.client.IO;
import io.socket.client.Socket;
import java.util.Collections;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.json.JSONArray;
import org.json.JSONObject;

public class Dialogue {
    private static final int MESSAGES = 300;

    private static Object readable(Object value) throws Exception {
        if (value instanceof byte[]) {
            StringBuilder hex = new StringBuilder();
            for (byte b : (byte[]) value) hex.append(String.format("%02x", b));
            return hex.toString();
        }
        if (value instanceof Object[]) {
            JSONArray list = new JSONArray();
            for (Object inner : (Object[]) value) list.put(readable(inner));
            return list;
        }
        if (value instanceof JSONArray) {
            JSONArray list = new JSONArray();
            for (int i = 0; i < ((JSONArray) value).length(); i++) list.put(readable(((JSONArray) value).get(i)));
            return list;
        }
        if (value instanceof JSONObject) {
            JSONObject object = new JSONObject();
            java.util.Iterator<?> keys = ((JSONObject) value).keys();
            while (keys.hasNext()) {
                String key = (String) keys.next();
                object.put(key, readable(((JSONObject) value).get(key)));
            }
            return object;
        }
        return value;
    }

    private static void say(String step, Object got) throws Exception {
        System.out.println(new JSONObject().put("step", step).put("got", readable(got)));
    }

    private static BlockingQueue<Object[]> listen(Socket socket, String name) {
        BlockingQueue<Object[]> arrived = new LinkedBlockingQueue<>();
        socket.on(name, arrived::add);
        return arrived;
    }

    private static Object[] next(BlockingQueue<Object[]> arrived) throws Exception {
        Object[] args = arrived.poll(10, TimeUnit.SECONDS);
        if (args == null) throw new Exception("nothing within 10 s");
        return args;
    }

    private static boolean isOld() {
        try {
            IO.Options.class.getField("auth");
            return false;
        } catch (NoSuchFieldException older) {
            return true;
        }
    }

    private static IO.Options options(String transport) throws Exception {
        IO.Options options = new IO.Options();
        options.forceNew = true;
        options.reconnection = false;
        options.transports = transport.equals("upgrade") ? new String[] {"polling", "websocket"} : new String[] {transport};
        if (!isOld()) IO.Options.class.getField("auth").set(options, Collections.singletonMap("token", "123"));
        return options;
    }

    public static void main(String[] args) throws Exception {
        Socket socket = IO.socket(args[0], options(args[1]));
        BlockingQueue<Object[]> auth = listen(socket, "auth");
        BlockingQueue<Object[]> back = listen(socket, "message-back");
        BlockingQueue<Object[]> end = listen(socket, Socket.EVENT_DISCONNECT);
        socket.connect();
        say("auth", next(auth));

        socket.emit("message", 1, "zwei ☃ 😀", new JSONObject("{\"a\":[true,null,1.5]}"));
        say("text", next(back));
        JSONObject deep = new JSONObject().put("deep", new JSONArray().put(new byte[] {0, 1, (byte) 0xff}));
        socket.emit("message", deep, "more".getBytes("UTF-8"));
        say("bytes", next(back));

        BlockingQueue<Object[]> acks = new LinkedBlockingQueue<>();
        socket.emit("message-with-ack", new Object[] {"a", new byte[] {7}}, (Ack) acks::add);
        say("ack", next(acks));

        for (int i = 0; i < MESSAGES; i++) socket.emit("message", i);
        boolean ordered = true;
        for (int i = 0; i < MESSAGES; i++) ordered = next(back)[0].equals(i) && ordered;
        say("order", ordered);

        Socket custom = IO.socket(args[0] + "/custom", options(args[1]));
        BlockingQueue<Object[]> customBack = listen(custom, "message-back");
        custom.connect();
        custom.emit("message", "elsewhere");
        say("namespace", next(customBack));
        custom.close();

        if (isOld()) { // does not take the refusal of a newer server, and so hears nothing
            socket.disconnect();
            say("end", next(end));
            System.exit(0);
        }
        Socket nowhere = IO.socket(args[0] + "/nowhere", options(args[1]));
        BlockingQueue<Object[]> refused = listen(nowhere, "connect_error");
        nowhere.on("error", refused::add);
        nowhere.connect();
        Object reason = next(refused)[0];
        say("refused", reason instanceof JSONObject ? ((JSONObject) reason).getString("message") : reason.toString());
        nowhere.close();

        socket.disconnect();
        say("end", next(end));
        System.exit(0);
    }
}
