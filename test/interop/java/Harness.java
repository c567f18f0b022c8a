import com.alibaba.fastjson.JSON;
import com.alibaba.fastjson.JSONArray;
import com.alibaba.fastjson.JSONObject;
import com.alibaba.fastjson.parser.Feature;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.net.Inet6Address;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.common.BrokerConfig;
import org.apache.rocketmq.common.MixAll;
import org.apache.rocketmq.common.ServiceThread;
import org.apache.rocketmq.common.message.*; // MessageExtBrokerInner is here in 5.3.3 and in store in 4.9.7
import org.apache.rocketmq.store.*;
import org.apache.rocketmq.store.config.BrokerRole;
import org.apache.rocketmq.store.config.MessageStoreConfig;
import org.apache.rocketmq.store.stats.BrokerStatsManager;

/**
 * The real Apache RocketMQ store behind a pipe: one request a line on stdin, one reply a line on stdout, both
 * JSON. ../line-process.ts is the other end, and ../peer.ts answers the same requests with our store. Ends
 * without closing anything when stdin ends. One source serves 4.9.7 and 5.3.3.
 */
public class Harness {
    private static final PrintStream REPLIES = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
    private static DefaultMessageStore store;

    public static void main(String[] arguments) throws Exception {
        System.setOut(System.err); // whatever the engine prints is no reply
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = requests.readLine()) != null; ) {
            JSONObject reply;
            try {
                reply = answer(JSON.parseObject(line));
            } catch (Throwable failure) {
                failure.printStackTrace();
                reply = new JSONObject();
                reply.put("error", rootCause(failure).toString());
            }
            REPLIES.println(reply);
        }
        Runtime.getRuntime().halt(0);
    }

    private static JSONObject answer(JSONObject request) throws Exception {
        JSONObject reply = new JSONObject();
        switch (request.getString("command")) {
            case "open":
                store = open(Paths.get(request.getString("directory")), request.getJSONObject("settings"));
                break;
            case "read-all":
                reply.put("failures", openAll(request.getJSONArray("stores"), request.getIntValue("atOnce"), (opened, wanted) -> { }));
                break;
            case "clean-all":
                reply.put("failures", cleanAll(request.getJSONArray("stores"), request.getIntValue("atOnce"), request.getBooleanValue("forced")));
                break;
            case "put":
                putAll(Paths.get(request.getString("messages")), Paths.get(request.getString("results")), request.getIntValue("rounds"));
                break;
            case "dump":
                dump(store, Paths.get(request.getString("output")));
                break;
            case "offsets-by-time":
                List<Object> timestamps = request.getJSONArray("timestamps");
                reply.put("offsets", offsetsByTime(request.getString("topic"), request.getIntValue("queueId"), timestamps));
                break;
            case "end":
                reply.put("maxPhyOffset", store.getMaxPhyOffset());
                break;
            case "follow":
                follow(request.getLongValue("offset"));
                break;
            case "find":
                reply.put("byOffset", findByOffset(request.getJSONArray("offsets")));
                reply.put("byKey", findByKey(request.getJSONArray("keys")));
                break;
            case "close":
                store.shutdown();
                store = null;
                break;
            case "compress":
                byte[] body = Base64.getDecoder().decode(request.getString("bodyBase64"));
                reply.put("bodyBase64", compress(request.getString("type"), body));
                break;
            default:
                throw new IllegalArgumentException(request.getString("command"));
        }
        return reply;
    }

    private static DefaultMessageStore open(Path directory, JSONObject settings) throws Exception {
        DefaultMessageStore opening = construct(directory, settings);
        if (!opening.load()) {
            opening.shutdown();
            throw new IllegalStateException("load failed");
        }
        boolean isSlave = opening.getMessageStoreConfig().getBrokerRole() == BrokerRole.SLAVE;
        // 4.9.7 looks for its master as soon as it starts; 5.3.3 cannot be told before, and then waits for five seconds if nobody wakes it
        if (isSlave) opening.updateHaMasterAddress(opening.getMessageStoreConfig().getHaMasterAddress());
        opening.start();
        if (isSlave) {
            opening.updateHaMasterAddress(opening.getMessageStoreConfig().getHaMasterAddress());
            wakeSlave(opening.getHaService());
        }
        return opening;
    }

    private static void wakeSlave(Object service) throws Exception {
        Method client;
        try {
            client = service.getClass().getMethod("getHAClient");
        } catch (NoSuchMethodException absent) {
            return; // 4.9.7 is awake
        }
        ((ServiceThread) client.invoke(service)).wakeup();
    }

    /** One at a time: a broker has one store, and what it shares with others of its process is not made for several threads. */
    private static synchronized DefaultMessageStore construct(Path directory, JSONObject settings) throws Exception {
        MessageStoreConfig config = new MessageStoreConfig();
        config.setStorePathRootDir(directory.toString());
        config.setStorePathCommitLog(directory.resolve("commitlog").toString());
        config.setHaListenPort(0);
        Properties properties = new Properties();
        for (String name : settings.keySet()) properties.setProperty(name, settings.getString(name));
        MixAll.properties2Object(properties, config);
        MessageArrivingListener listener = (MessageArrivingListener) Proxy.newProxyInstance(Harness.class.getClassLoader(),
            new Class[] {MessageArrivingListener.class}, (proxy, method, parameters) -> null);
        // the number of parameters tells the versions apart
        Constructor<?> constructor = DefaultMessageStore.class.getConstructors()[0];
        BrokerConfig broker = new BrokerConfig();
        // the store of broker 0 passes over what has not come whole
        if (config.getBrokerRole() == BrokerRole.SLAVE) broker.setBrokerId(1);
        List<Object> parameters = new ArrayList<>(List.of(config, statistics(), listener, broker));
        if (constructor.getParameterCount() == 5) parameters.add(new ConcurrentHashMap<>());
        return (DefaultMessageStore) constructor.newInstance(parameters.toArray());
    }

    private interface Work {
        void on(DefaultMessageStore opened, JSONObject request) throws Exception;
    }

    /** Has many stores delete their old files; forced: on a disk that is too full, whatever it is. */
    private static String[] cleanAll(JSONArray stores, int atOnce, boolean forced) throws Exception {
        String ratio = "rocketmq.broker.diskSpaceCleanForciblyRatio";
        if (forced) System.setProperty(ratio, "-1");
        else System.clearProperty(ratio);
        return openAll(stores, atOnce, (opened, request) -> {
            if (request.getBooleanValue("manually")) opened.executeDeleteFilesManually();
            for (int look = 0; look < request.getIntValue("looks"); look++) {
                // 5.3.3 cleans its queues by themselves
                for (String name : new String[] {"cleanFilesPeriodically", "cleanQueueFilesPeriodically"}) invokeIfPresent(opened, name);
                Thread.sleep(20); // whoever dispatches lets go of what he holds
            }
        });
    }

    private static void invokeIfPresent(DefaultMessageStore opened, String name) throws Exception {
        try {
            Method method = DefaultMessageStore.class.getDeclaredMethod(name);
            method.setAccessible(true);
            method.invoke(opened);
        } catch (NoSuchMethodException absent) {
            // of another version
        }
    }

    /**
     * Opens, dumps and closes many stores, some at the same time, since the engine sleeps through most of that.
     * @return for each store why it could not be read, or null
     */
    private static String[] openAll(JSONArray stores, int atOnce, Work work) throws Exception {
        String[] failures = new String[stores.size()];
        ExecutorService readers = Executors.newFixedThreadPool(atOnce);
        for (int index = 0; index < failures.length; index++) {
            JSONObject request = stores.getJSONObject(index);
            int place = index;
            readers.execute(() -> {
                try {
                    DefaultMessageStore opened = open(Paths.get(request.getString("directory")), request.getJSONObject("settings"));
                    try {
                        work.on(opened, request);
                        dump(opened, Paths.get(request.getString("output")));
                    } finally {
                        opened.shutdown();
                    }
                } catch (Throwable failure) {
                    failure.printStackTrace();
                    failures[place] = rootCause(failure).toString();
                }
            });
        }
        readers.shutdown();
        readers.awaitTermination(1, TimeUnit.HOURS);
        System.gc(); // the engine leaves its maps to the collector, and a process may have only so many
        return failures;
    }

    private static Throwable rootCause(Throwable failure) {
        Throwable cause = failure;
        while (cause.getCause() != null) cause = cause.getCause();
        return cause;
    }

    private static BrokerStatsManager statistics() throws Exception {
        try {
            return BrokerStatsManager.class.getConstructor(String.class, boolean.class).newInstance("interop", true);
        } catch (NoSuchMethodException absent) {
            return (BrokerStatsManager) BrokerStatsManager.class.getConstructor(String.class).newInstance("interop");
        }
    }

    /** Puts every line of a file, in rounds; each result is a line, written before the next put. */
    private static void putAll(Path messages, Path results, int rounds) throws Exception {
        List<String> lines = Files.readAllLines(messages);
        try (PrintStream output = new PrintStream(new FileOutputStream(results.toFile()), true, StandardCharsets.UTF_8)) {
            for (int round = 0; round < rounds; round++) {
                for (String line : lines) output.println(describe(put(JSON.parseObject(line, Feature.OrderedField))));
            }
        }
        awaitDispatch(store);
    }

    private static PutMessageResult put(JSONObject message) {
        return message.containsKey("batch") ? store.putMessages(batch(message)) : store.putMessage(single(message));
    }

    private static MessageExtBrokerInner single(JSONObject json) {
        MessageExtBrokerInner message = new MessageExtBrokerInner();
        fill(message, json);
        message.setBody(Base64.getDecoder().decode(json.getString("bodyBase64")));
        Map<String, String> properties = properties(json);
        MessageAccessor.setProperties(message, properties);
        message.setPropertiesString(MessageDecoder.messageProperties2String(properties));
        if (properties.containsKey("TAGS")) {
            message.setTagsCode(MessageExtBrokerInner.tagsString2tagsCode(null, properties.get("TAGS")));
        }
        return message;
    }

    private static MessageExtBatch batch(JSONObject json) {
        List<Message> messages = new ArrayList<>();
        for (Object element : json.getJSONArray("batch")) {
            JSONObject one = (JSONObject) element;
            Message message = new Message(json.getString("topic"), one.getString("body").getBytes(StandardCharsets.UTF_8));
            properties(one).forEach((name, value) -> MessageAccessor.putProperty(message, name, value));
            messages.add(message);
        }
        MessageExtBatch batch = new MessageExtBatch();
        fill(batch, json);
        batch.setBody(MessageDecoder.encodeMessages(messages));
        return batch;
    }

    private static void fill(MessageExt message, JSONObject json) {
        message.setTopic(json.getString("topic"));
        message.setQueueId(json.getIntValue("queueId"));
        message.setFlag(json.getIntValue("flag"));
        message.setSysFlag(json.getIntValue("sysFlag"));
        message.setBornTimestamp(json.getLongValue("bornTimestamp"));
        message.setReconsumeTimes(json.getIntValue("reconsumeTimes"));
        message.setPreparedTransactionOffset(json.getLongValue("preparedTransactionOffset"));
        InetSocketAddress born = address(json.getString("bornHost"));
        InetSocketAddress stored = address(json.getString("storeHost"));
        message.setBornHost(born);
        message.setStoreHost(stored);
        if (born.getAddress() instanceof Inet6Address) message.setBornHostV6Flag();
        if (stored.getAddress() instanceof Inet6Address) message.setStoreHostAddressV6Flag();
    }

    private static InetSocketAddress address(String hostAndPort) {
        int colon = hostAndPort.lastIndexOf(':');
        return new InetSocketAddress(hostAndPort.substring(0, colon), Integer.parseInt(hostAndPort.substring(colon + 1)));
    }

    private static Map<String, String> properties(JSONObject json) {
        Map<String, String> properties = new LinkedHashMap<>();
        JSONObject given = json.getJSONObject("properties");
        if (given != null) for (String name : given.keySet()) properties.put(name, given.getString(name));
        return properties;
    }

    private static JSONObject describe(PutMessageResult result) {
        JSONObject line = new JSONObject(true);
        line.put("status", result.getPutMessageStatus().name());
        AppendMessageResult appended = result.getAppendMessageResult();
        if (appended == null) return line;
        line.put("offset", appended.getWroteOffset());
        line.put("bytes", appended.getWroteBytes());
        line.put("queueOffset", appended.getLogicsOffset());
        line.put("storeTimestamp", appended.getStoreTimestamp());
        line.put("msgId", appended.getMsgId());
        return line;
    }

    /** The engine fills its queues behind the puts; an answer before that is not its last word. */
    private static void awaitDispatch(DefaultMessageStore store) throws Exception {
        long deadline = System.currentTimeMillis() + 30000;
        while (store.dispatchBehindBytes() > 0 && System.currentTimeMillis() < deadline) Thread.sleep(5);
        Thread.sleep(50);
    }

    /** Writes the bounds of the log, then each queue with its messages, in the form of `mqstore dump`. */
    private static void dump(DefaultMessageStore store, Path output) throws Exception {
        awaitDispatch(store);
        try (PrintStream lines = new PrintStream(Files.newOutputStream(output), false, StandardCharsets.UTF_8)) {
            JSONObject bounds = new JSONObject(true);
            bounds.put("minPhyOffset", store.getMinPhyOffset());
            bounds.put("maxPhyOffset", store.getMaxPhyOffset());
            lines.println(bounds);
            for (String[] queue : queues(store)) dumpQueue(store, lines, queue[0], Integer.parseInt(queue[1]));
        }
    }

    private static List<String[]> queues(DefaultMessageStore store) throws Exception {
        Path directory = Paths.get(store.getMessageStoreConfig().getStorePathRootDir(), "consumequeue");
        TreeSet<String> found = new TreeSet<>();
        if (Files.isDirectory(directory)) {
            try (DirectoryStream<Path> topics = Files.newDirectoryStream(directory)) {
                for (Path topic : topics) {
                    try (DirectoryStream<Path> queues = Files.newDirectoryStream(topic)) {
                        for (Path queue : queues) found.add(topic.getFileName() + "\t" + queue.getFileName());
                    }
                }
            }
        }
        List<String[]> queues = new ArrayList<>();
        for (String queue : found) queues.add(queue.split("\t"));
        return queues;
    }

    private static void dumpQueue(DefaultMessageStore store, PrintStream lines, String topic, int queueId) throws Exception {
        long minimum = store.getMinOffsetInQueue(topic, queueId);
        long maximum = store.getMaxOffsetInQueue(topic, queueId);
        JSONObject queue = new JSONObject(true);
        queue.put("topic", topic);
        queue.put("queueId", queueId);
        queue.put("minOffset", minimum);
        queue.put("maxOffset", maximum);
        lines.println(queue);
        long[] tagsCode = new long[1];
        MessageFilter capture = new MessageFilter() {
            @Override
            public boolean isMatchedByConsumeQueue(Long code, ConsumeQueueExt.CqExtUnit extension) {
                tagsCode[0] = code == null ? 0 : code;
                return true;
            }

            @Override
            public boolean isMatchedByCommitLog(ByteBuffer record, Map<String, String> properties) {
                return true;
            }
        };
        for (long offset = minimum; offset < maximum; ) {
            GetMessageResult result = store.getMessage("interop", topic, queueId, offset, 1, capture);
            try {
                if (result.getStatus() == GetMessageStatus.FOUND) {
                    for (ByteBuffer record : result.getMessageBufferList()) {
                        // 4.9.7 takes what stands at the start of the log for a message at offset 0 that is gone, whatever it is
                        MessageExt message = MessageDecoder.decode(record.duplicate(), true, false);
                        if (message != null) lines.println(describe(message, tagsCode[0]));
                    }
                } else {
                    JSONObject hole = new JSONObject(true);
                    hole.put("topic", topic);
                    hole.put("queueId", queueId);
                    hole.put("queueOffset", offset);
                    hole.put("getStatus", result.getStatus().name());
                    hole.put("next", result.getNextBeginOffset());
                    lines.println(hole);
                }
                if (result.getNextBeginOffset() <= offset) break;
                offset = result.getNextBeginOffset();
            } finally {
                result.release();
            }
        }
    }

    private static JSONObject describe(MessageExt message, long tagsCode) {
        JSONObject line = new JSONObject(true);
        line.put("topic", message.getTopic());
        line.put("queueId", message.getQueueId());
        line.put("queueOffset", message.getQueueOffset());
        line.put("commitLogOffset", message.getCommitLogOffset());
        line.put("storeSize", message.getStoreSize());
        line.put("tagsCode", Long.toString(tagsCode));
        line.put("flag", message.getFlag());
        line.put("sysFlag", message.getSysFlag());
        line.put("bodyCRC", message.getBodyCRC());
        line.put("bornTimestamp", message.getBornTimestamp());
        line.put("storeTimestamp", message.getStoreTimestamp());
        line.put("bornHost", describe((InetSocketAddress) message.getBornHost()));
        line.put("storeHost", describe((InetSocketAddress) message.getStoreHost()));
        line.put("reconsumeTimes", message.getReconsumeTimes());
        line.put("preparedTransactionOffset", message.getPreparedTransactionOffset());
        line.put("msgId", message.getMsgId());
        line.put("properties", message.getProperties() == null ? new TreeMap<>() : new TreeMap<>(message.getProperties()));
        if (message.getBody() != null) {
            line.put("bodyLength", message.getBody().length);
            line.put("bodyBase64", Base64.getEncoder().encodeToString(message.getBody()));
        }
        return line;
    }

    private static String describe(InetSocketAddress address) {
        return address.getAddress().getHostAddress() + ":" + address.getPort();
    }

    private static List<Long> offsetsByTime(String topic, int queueId, List<Object> timestamps) {
        List<Long> offsets = new ArrayList<>();
        for (Object timestamp : timestamps) offsets.add(store.getOffsetInQueueByTime(topic, queueId, ((Number) timestamp).longValue()));
        return offsets;
    }

    private static void follow(long offset) throws Exception {
        long deadline = System.currentTimeMillis() + 120000;
        while (store.getMaxPhyOffset() < offset) {
            if (System.currentTimeMillis() > deadline) throw new IllegalStateException("the log ends at " + store.getMaxPhyOffset());
            Thread.sleep(5);
        }
        awaitDispatch(store);
    }

    private static List<String> findByOffset(JSONArray offsets) {
        List<String> found = new ArrayList<>();
        for (Object offset : offsets) {
            MessageExt message = store.lookMessageByOffset(((Number) offset).longValue());
            found.add(message == null ? null : message.getMsgId());
        }
        return found;
    }

    private static List<List<Long>> findByKey(JSONArray keys) {
        List<List<Long>> found = new ArrayList<>();
        for (Object element : keys) {
            JSONObject key = (JSONObject) element;
            QueryMessageResult result = store.queryMessage(key.getString("topic"), key.getString("key"), 1000, 0, Long.MAX_VALUE);
            List<Long> offsets = new ArrayList<>();
            for (ByteBuffer record : result.getMessageBufferList()) {
                offsets.add(MessageDecoder.decode(record.duplicate(), false, false).getCommitLogOffset());
            }
            result.release();
            found.add(offsets);
        }
        return found;
    }

    /** By reflection, since 4.9.7 has no such classes. */
    private static String compress(String type, byte[] body) throws Exception {
        Class<?> types = Class.forName("org.apache.rocketmq.common.compression.CompressionType");
        Class<?> factory = Class.forName("org.apache.rocketmq.common.compression.CompressorFactory");
        Object wanted = types.getMethod("of", String.class).invoke(null, type);
        Object compressor = factory.getMethod("getCompressor", types).invoke(null, wanted);
        Class<?> compressors = Class.forName("org.apache.rocketmq.common.compression.Compressor");
        byte[] compressed = (byte[]) compressors.getMethod("compress", byte[].class, int.class).invoke(compressor, body, 5);
        return Base64.getEncoder().encodeToString(compressed);
    }
}
