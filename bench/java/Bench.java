import com.alibaba.fastjson.JSON;
import com.alibaba.fastjson.JSONArray;
import com.alibaba.fastjson.JSONObject;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.Properties;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.rocketmq.common.BrokerConfig;
import org.apache.rocketmq.common.MixAll;
import org.apache.rocketmq.common.message.MessageDecoder;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.store.DefaultMessageStore;
import org.apache.rocketmq.store.GetMessageResult;
import org.apache.rocketmq.store.GetMessageStatus;
import org.apache.rocketmq.store.MessageExtBrokerInner;
import org.apache.rocketmq.store.PutMessageResult;
import org.apache.rocketmq.store.QueryMessageResult;
import org.apache.rocketmq.store.config.MessageStoreConfig;
import org.apache.rocketmq.store.stats.BrokerStatsManager;

/**
 * One round of one workload on the store of Apache RocketMQ 4.9.7, the same work as in ours.js: JSON in as the only
 * argument, JSON out as the last line. The configuration is the default one, FlushDiskType aside.
 */
public class Bench {
    private static final SocketAddress HOST = new InetSocketAddress("127.0.0.1", 10911);
    private static final int PULL_SIZE = 32;

    private final JSONObject workload;
    private final int messages;
    private final int topics;
    /** Made once, on both sides: a store is measured, and no concatenation. */
    private final String[] topicNames;
    private final int queues;
    private final byte[] body;
    private final JSONObject figures = new JSONObject(true);
    private DefaultMessageStore store;

    private Bench(JSONObject workload, int messages) {
        this.workload = workload;
        this.messages = messages;
        topics = workload.getIntValue("topics");
        topicNames = new String[topics];
        for (int topic = 0; topic < topics; topic++) topicNames[topic] = "bench-" + topic;
        queues = workload.getIntValue("queues");
        body = new byte[workload.getIntValue("bodySize")];
        new Random(1).nextBytes(body);
    }

    public static void main(String[] arguments) {
        try {
            JSONObject job = JSON.parseObject(arguments[0]);
            JSONObject workload = job.getJSONObject("workload");
            Path directory = Paths.get(job.getString("directory"));
            // The same code on a store of its own first: what is measured is compiled code. Who opens a store that is
            // there has a process that has just begun.
            if (!workload.containsKey("image")) new Bench(workload, workload.getIntValue("warmUpMessages")).run(directory.resolve("warm-up"));
            System.gc();
            System.out.println(new Bench(workload, workload.getIntValue("messages")).run(directory.resolve("measured")));
            System.exit(0);
        } catch (Throwable error) {
            error.printStackTrace();
            // The store's threads would keep the process alive.
            Runtime.getRuntime().halt(1);
        }
    }

    private JSONObject run(Path directory) throws Exception {
        store = open(directory);
        JSONArray measures = workload.getJSONArray("measures");
        for (int index = 0; index < measures.size(); index++) {
            switch (measures.getString(index)) {
                case "append":
                case "put": measureWriting(measures.getString(index)); break;
                case "pull": measurePulling("pull", false); break;
                case "decode": measurePulling("decode", true); break;
                case "query": measureQueries(); break;
                case "open": measurePulling("pull", false); break;
                default: break;
            }
        }
        store.shutdown();
        store.destroy();
        return figures;
    }

    private DefaultMessageStore open(Path directory) throws Exception {
        MessageStoreConfig config = new MessageStoreConfig();
        config.setStorePathRootDir(directory.toString());
        config.setStorePathCommitLog(directory.resolve("commitlog").toString());
        config.setFlushDiskType(workload.getString("flushDiskType"));
        if (workload.containsKey("settings")) MixAll.properties2Object(asProperties(workload.getJSONObject("settings")), config);
        config.setHaListenPort(0);
        DefaultMessageStore opened = new DefaultMessageStore(
            config, new BrokerStatsManager("bench", true), (topic, queueId, offset, tagsCode, time, filter, properties) -> { }, new BrokerConfig());
        long started = System.nanoTime();
        if (!opened.load()) throw new IllegalStateException("load failed");
        opened.start();
        if (workload.containsKey("image")) record("open", 1, started);
        return opened;
    }

    private static Properties asProperties(JSONObject settings) {
        Properties properties = new Properties();
        for (String name : settings.keySet()) properties.setProperty(name, settings.getString(name));
        return properties;
    }

    /** Two figures: until the last put returned, and until all queues and the index were built as well. */
    private void measureWriting(String name) throws Exception {
        AtomicInteger next = new AtomicInteger();
        AtomicReference<Throwable> failure = new AtomicReference<>();
        Runnable writer = () -> {
            try {
                for (int number = next.getAndIncrement(); number < messages; number = next.getAndIncrement()) write(number);
            } catch (Throwable error) {
                failure.set(error);
            }
        };
        Thread[] threads = new Thread[workload.getIntValue("inFlight")];
        for (int index = 0; index < threads.length; index++) threads[index] = new Thread(writer);
        long started = System.nanoTime();
        for (Thread thread : threads) thread.start();
        for (Thread thread : threads) thread.join();
        if (failure.get() != null) throw new IllegalStateException(failure.get());
        record("undispatched", messages, started);
        while (store.dispatchBehindBytes() > 0) Thread.sleep(1);
        record(name, messages, started);
    }

    private void write(int number) {
        MessageExtBrokerInner message = new MessageExtBrokerInner();
        message.setTopic(topicOf(number));
        message.setQueueId(number / topics % queues);
        message.setBody(body);
        message.setBornTimestamp(System.currentTimeMillis());
        message.setBornHost(HOST);
        message.setStoreHost(HOST);
        message.setTags("tagA");
        message.setKeys("key" + number);
        message.setTagsCode(MessageExtBrokerInner.tagsString2tagsCode(null, "tagA"));
        message.setPropertiesString(MessageDecoder.messageProperties2String(message.getProperties()));
        PutMessageResult result = store.putMessage(message);
        if (!result.isOk()) throw new IllegalStateException(result.getPutMessageStatus().name());
    }

    private void measurePulling(String name, boolean decodes) throws Exception {
        int count = 0;
        long started = System.nanoTime();
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
        if (count != messages) throw new IllegalStateException("pulled " + count + " of " + messages);
        record(name, count, started);
    }

    /** Everything that a message has; the condition keeps the compiler from dropping any of it. */
    private int decode(ByteBuffer buffer) {
        MessageExt message = MessageDecoder.decode(buffer, true, false);
        return message.getBody().length == body.length && message.getProperties().size() > 0 ? 1 : 0;
    }

    private void measureQueries() throws Exception {
        int queries = workload.getIntValue("queries");
        int found = 0;
        long started = System.nanoTime();
        for (int index = 0; index < queries; index++) {
            int number = (int) (index * 7919L % messages);
            QueryMessageResult result = store.queryMessage(topicOf(number), "key" + number, PULL_SIZE, 0, Long.MAX_VALUE);
            found += result.getMessageBufferList().size() > 0 ? 1 : 0;
            result.release();
        }
        if (found != queries) throw new IllegalStateException("found " + found + " of " + queries + " keys");
        record("query", queries, started);
    }

    private String topicOf(int number) {
        return topicNames[number % topics];
    }

    private void record(String name, int count, long started) {
        figures.put(name, count / ((System.nanoTime() - started) / 1e9));
    }
}
