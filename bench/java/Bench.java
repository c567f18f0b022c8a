import com.alibaba.fastjson.JSON;
import com.alibaba.fastjson.JSONArray;
import com.alibaba.fastjson.JSONObject;
import java.lang.reflect.Constructor;
import java.lang.reflect.Proxy;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.rocketmq.common.BrokerConfig;
import org.apache.rocketmq.common.MixAll;
import org.apache.rocketmq.common.message.*; // MessageExtBrokerInner is here in 5.3.3 and in store in 4.9.7
import org.apache.rocketmq.store.*;
import org.apache.rocketmq.store.config.MessageStoreConfig;
import org.apache.rocketmq.store.stats.BrokerStatsManager;

/**
 * One round of one workload on the store of Apache RocketMQ 4.9.7 or 5.3.3, the same work as in ours.js: JSON in as the only
 * argument, JSON out as the last line. The configuration is the default one, FlushDiskType aside.
 */
public class Bench {
    private static final SocketAddress HOST = new InetSocketAddress("127.0.0.1", 10911);
    private static final int PULL_SIZE = 32;
    /** Far enough from one to the next for neither side to have it at hand. */
    private static final long STRIDE = 7919;
    private static final int BATCHES_AT_A_TIME = 1000;

    private final JSONObject workload;
    private final int messages;
    private final int topics;
    /** Made once, on both sides: a store is measured, and no concatenation. */
    private final String[] topicNames;
    private final int queues;
    private final byte[] body;
    private final JSONObject figures = new JSONObject(true);
    private DefaultMessageStore store;

    private Bench(JSONObject workload) {
        this.workload = workload;
        messages = workload.getIntValue("messages");
        topics = workload.getIntValue("topics");
        topicNames = new String[topics];
        for (int topic = 0; topic < topics; topic++) topicNames[topic] = "bench-" + topic;
        queues = workload.getIntValue("queues");
        body = new byte[workload.getIntValue("bodySize")];
        for (int index = 0; index < body.length; index++) body[index] = (byte) ((index + 1) * 0x9e3779b1 >>> 24);
    }

    public static void main(String[] arguments) {
        try {
            JSONObject job = JSON.parseObject(arguments[0]);
            JSONObject workload = job.getJSONObject("workload");
            Path directory = Paths.get(job.getString("directory"));
            // The same code on a store of its own first: what is measured is compiled code. Who opens a store that is
            // there has a process that has just begun.
            if (workload.containsKey("warmUp")) {
                JSONObject warmUp = new JSONObject(new HashMap<>(workload));
                warmUp.putAll(workload.getJSONObject("warmUp"));
                new Bench(warmUp).run(directory.resolve("warm-up")).remove();
            }
            System.gc();
            Bench measured = new Bench(workload).run(directory.resolve("measured"));
            System.out.println(measured.figures);
            System.out.flush();
            // The store's threads would keep the process alive, and nobody needs what it would flush.
            Runtime.getRuntime().halt(0);
        } catch (Throwable error) {
            error.printStackTrace();
            Runtime.getRuntime().halt(1);
        }
    }

    private Bench run(Path directory) throws Exception {
        store = open(directory);
        JSONArray measures = workload.getJSONArray("measures");
        for (int index = 0; index < measures.size(); index++) {
            String measure = measures.getString(index);
            if (workload.getBooleanValue("rehearsed")) measure(measure);
            measure(measure);
        }
        int whole = pull(true);
        if (whole != messages) throw new IllegalStateException(whole + " of " + messages + " messages are there, and whole");
        return this;
    }

    private void remove() {
        store.shutdown();
        store.destroy();
    }

    private void measure(String name) throws Exception {
        switch (name) {
            case "append": measureWriting("append", null); break;
            case "put": measurePutting(); break;
            case "batch": measureBatches(); break;
            case "steady": measureSteadily(); break;
            case "pull": measurePulling("pull", false); break;
            case "decode": measurePulling("decode", true); break;
            case "query": measureQueries(); break;
            case "lookup": measureLookups(); break;
            case "offsetByTime": measureTimes(); break;
            default: break;
        }
    }

    private DefaultMessageStore open(Path directory) throws Exception {
        MessageStoreConfig config = new MessageStoreConfig();
        config.setStorePathRootDir(directory.toString());
        config.setStorePathCommitLog(directory.resolve("commitlog").toString());
        config.setFlushDiskType(workload.getString("flushDiskType"));
        if (workload.containsKey("settings")) MixAll.properties2Object(asProperties(workload.getJSONObject("settings")), config);
        config.setHaListenPort(0);
        MessageArrivingListener listener = (MessageArrivingListener) Proxy.newProxyInstance(Bench.class.getClassLoader(),
            new Class[] {MessageArrivingListener.class}, (proxy, method, parameters) -> null);
        // The number of parameters tells the versions apart.
        Constructor<?> constructor = DefaultMessageStore.class.getConstructors()[0];
        List<Object> parameters = new ArrayList<>(List.of(config, new BrokerStatsManager("bench", true), listener, new BrokerConfig()));
        if (constructor.getParameterCount() == 5) parameters.add(new ConcurrentHashMap<>());
        DefaultMessageStore opened = (DefaultMessageStore) constructor.newInstance(parameters.toArray());
        long started = System.nanoTime();
        if (!opened.load()) throw new IllegalStateException("load failed");
        opened.start();
        figures.put("open", milliseconds(System.nanoTime() - started));
        return opened;
    }

    private static Properties asProperties(JSONObject settings) {
        Properties properties = new Properties();
        for (String name : settings.keySet()) properties.setProperty(name, settings.getString(name));
        return properties;
    }

    private void measurePutting() throws Exception {
        long[] latencies = new long[messages];
        measureWriting("put", latencies);
        recordLatencies(latencies);
    }

    /**
     * Two figures: until the last put returned, and until all queues and the index were built as well.
     * @param latencies where each put has its place, null when nobody asks
     */
    private void measureWriting(String name, long[] latencies) throws Exception {
        AtomicInteger next = new AtomicInteger();
        AtomicReference<Throwable> failure = new AtomicReference<>();
        Runnable writer = () -> {
            try {
                for (int number = next.getAndIncrement(); number < messages; number = next.getAndIncrement()) {
                    MessageExtBrokerInner message = messageOf(number);
                    long called = latencies == null ? 0 : System.nanoTime();
                    assertStored(store.putMessage(message));
                    if (latencies != null) latencies[number] = System.nanoTime() - called;
                }
            } catch (Throwable error) {
                failure.set(error);
            }
        };
        Thread[] threads = new Thread[Math.max(1, workload.getIntValue("inFlight"))];
        for (int index = 0; index < threads.length; index++) threads[index] = new Thread(writer);
        long started = System.nanoTime();
        for (Thread thread : threads) thread.start();
        for (Thread thread : threads) thread.join();
        if (failure.get() != null) throw new IllegalStateException(failure.get());
        record("undispatched", messages, System.nanoTime() - started);
        awaitDispatch();
        record(name, messages, System.nanoTime() - started);
    }

    /**
     * What a client does, which is to encode the messages of a batch one after the other, is no part of the time; nor does the store
     * build queues and index meanwhile, but all that it was given before is done by then.
     */
    private void measureBatches() throws Exception {
        int batchSize = workload.getIntValue("batchSize");
        long putting = 0;
        long all = 0;
        for (int from = 0; from < messages; from += BATCHES_AT_A_TIME * batchSize) {
            List<MessageExtBatch> batches = new ArrayList<>();
            for (int first = from; first < Math.min(from + BATCHES_AT_A_TIME * batchSize, messages); first += batchSize) {
                batches.add(batchOf(first, Math.min(first + batchSize, messages), first / batchSize));
            }
            long started = System.nanoTime();
            for (MessageExtBatch batch : batches) assertStored(store.putMessages(batch));
            putting += System.nanoTime() - started;
            awaitDispatch();
            all += System.nanoTime() - started;
        }
        record("undispatched", messages, putting);
        record("batch", messages, all);
    }

    /** Puts what is due by the clock; the loop waits without sleeping, as ours does. */
    private void measureSteadily() throws Exception {
        double nanosecondsEach = 1e9 / workload.getIntValue("perSecond");
        long[] latencies = new long[messages];
        long stall = 0;
        long started = System.nanoTime();
        long turned = started;
        for (int number = 0; number < messages; number++) {
            for (long now = System.nanoTime(); ; now = System.nanoTime()) {
                stall = Math.max(stall, now - turned);
                turned = now;
                if (now - started >= number * nanosecondsEach) break;
                Thread.onSpinWait();
            }
            MessageExtBrokerInner message = messageOf(number);
            long called = System.nanoTime();
            assertStored(store.putMessage(message));
            latencies[number] = System.nanoTime() - called;
        }
        record("steady", messages, System.nanoTime() - started);
        figures.put("stall", milliseconds(stall));
        recordLatencies(latencies);
        awaitDispatch();
    }

    private MessageExtBrokerInner messageOf(int number) {
        MessageExtBrokerInner message = new MessageExtBrokerInner();
        message.setTopic(topicOf(number));
        message.setQueueId(queueOf(number));
        message.setBody(body);
        message.setBornTimestamp(System.currentTimeMillis());
        message.setBornHost(HOST);
        message.setStoreHost(HOST);
        message.setTags("tagA");
        message.setKeys("key" + number);
        message.setTagsCode(MessageExtBrokerInner.tagsString2tagsCode(null, "tagA"));
        message.setPropertiesString(MessageDecoder.messageProperties2String(message.getProperties()));
        return message;
    }

    private MessageExtBatch batchOf(int from, int to, int batchNumber) {
        List<Message> list = new ArrayList<>();
        for (int number = from; number < to; number++) {
            Message message = new Message(topicOf(batchNumber), body);
            // Each has its own properties, and no more than ours.
            message.getProperties().clear();
            message.setTags("tagA");
            message.setKeys("key" + number);
            list.add(message);
        }
        MessageExtBatch batch = new MessageExtBatch();
        batch.setTopic(topicOf(batchNumber));
        batch.setQueueId(queueOf(batchNumber));
        batch.setBody(MessageDecoder.encodeMessages(list));
        batch.setBornTimestamp(System.currentTimeMillis());
        batch.setBornHost(HOST);
        batch.setStoreHost(HOST);
        return batch;
    }

    private static void assertStored(PutMessageResult result) {
        if (!result.isOk()) throw new IllegalStateException(result.getPutMessageStatus().name());
    }

    private void awaitDispatch() throws Exception {
        while (store.dispatchBehindBytes() > 0) Thread.sleep(1);
    }

    private void measurePulling(String name, boolean decodes) {
        long started = System.nanoTime();
        int count = pull(decodes);
        if (count != messages) throw new IllegalStateException("pulled " + count + " of " + messages);
        record(name, count, System.nanoTime() - started);
    }

    /** Everything, a queue after the other. */
    private int pull(boolean decodes) {
        int count = 0;
        for (int topic = 0; topic < topics; topic++) {
            for (int queueId = 0; queueId < queues; queueId++) {
                for (long offset = 0; ; ) {
                    GetMessageResult result = store.getMessage("bench", topicOf(topic), queueId, offset, PULL_SIZE, null);
                    if (result.getStatus() != GetMessageStatus.FOUND) {
                        result.release();
                        break;
                    }
                    if (decodes) for (ByteBuffer buffer : result.getMessageBufferList()) count += decode(buffer);
                    else count += result.getMessageCount();
                    offset = result.getNextBeginOffset();
                    result.release();
                }
            }
        }
        return count;
    }

    /** Everything that a message has; the condition keeps the compiler from dropping any of it. */
    private int decode(ByteBuffer buffer) {
        MessageExt message = MessageDecoder.decode(buffer, true, false);
        return Arrays.equals(message.getBody(), body) && message.getProperties().size() > 0 ? 1 : 0;
    }

    private void measureQueries() {
        int queries = workload.getIntValue("queries");
        int found = 0;
        long started = System.nanoTime();
        for (int index = 0; index < queries; index++) {
            int number = numberAt(index);
            QueryMessageResult result = store.queryMessage(topicOf(number), "key" + number, PULL_SIZE, 0, Long.MAX_VALUE);
            found += result.getMessageBufferList().size() > 0 ? 1 : 0;
            result.release();
        }
        if (found != queries) throw new IllegalStateException("found " + found + " of " + queries + " keys");
        record("query", queries, System.nanoTime() - started);
    }

    private void measureLookups() throws Exception {
        String[] ids = new String[workload.getIntValue("queries")];
        for (int index = 0; index < ids.length; index++) ids[index] = idOf(numberAt(index));
        int whole = 0;
        long started = System.nanoTime();
        for (String id : ids) {
            MessageExt message = store.lookMessageByOffset(MessageDecoder.decodeMessageId(id).getOffset());
            whole += message.getBody().length == body.length && message.getProperties().size() > 0 ? 1 : 0;
        }
        if (whole != ids.length) throw new IllegalStateException("found " + whole + " of " + ids.length + " ids");
        record("lookup", ids.length, System.nanoTime() - started);
    }

    private String idOf(int number) {
        GetMessageResult result = store.getMessage("bench", topicOf(number), queueOf(number), number / (topics * queues), 1, null);
        String id = MessageDecoder.decode(result.getMessageBufferList().get(0), true, false).getMsgId();
        result.release();
        return id;
    }

    /** Times between that of the first message and that of the last, in the queues in turn. */
    private void measureTimes() throws Exception {
        int queries = workload.getIntValue("queries");
        long first = store.getMessageStoreTimeStamp(topicOf(0), 0, 0);
        long last = store.getMessageStoreTimeStamp(topicOf(0), 0, store.getMaxOffsetInQueue(topicOf(0), 0) - 1);
        long sum = 0;
        long started = System.nanoTime();
        for (int index = 0; index < queries; index++) {
            sum += store.getOffsetInQueueByTime(topicOf(index), queueOf(index), first + index * STRIDE % (last - first + 1));
        }
        if (sum <= 0) throw new IllegalStateException("no time has an offset");
        record("offsetByTime", queries, System.nanoTime() - started);
    }

    private String topicOf(int number) {
        return topicNames[number % topics];
    }

    private int queueOf(int number) {
        return number / topics % queues;
    }

    private int numberAt(int index) {
        return (int) (index * STRIDE % messages);
    }

    private void record(String name, int count, long nanoseconds) {
        figures.put(name, count / (nanoseconds / 1e9));
    }

    private void recordLatencies(long[] latencies) {
        Arrays.sort(latencies);
        figures.put("p50", latencyAt(latencies, 0.5));
        figures.put("p95", latencyAt(latencies, 0.95));
        figures.put("p99", latencyAt(latencies, 0.99));
        figures.put("p999", latencyAt(latencies, 0.999));
        figures.put("longest", latencyAt(latencies, 1));
    }

    private static double latencyAt(long[] sorted, double share) {
        return milliseconds(sorted[Math.min(sorted.length - 1, (int) Math.floor(sorted.length * share))]);
    }

    private static double milliseconds(long nanoseconds) {
        return nanoseconds / 1e6;
    }
}
