import com.alibaba.fastjson.JSON;
import com.alibaba.fastjson.JSONObject;
import java.io.BufferedReader;
import java.io.File;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.lang.reflect.Constructor;
import java.lang.reflect.Proxy;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.SocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.apache.rocketmq.common.BrokerConfig;
import org.apache.rocketmq.common.MixAll;
import org.apache.rocketmq.common.message.*; // MessageExtBrokerInner is here in 5.3.3 and in store in 4.9.7
import org.apache.rocketmq.store.*;
import org.apache.rocketmq.store.config.MessageStoreConfig;
import org.apache.rocketmq.store.stats.BrokerStatsManager;

/**
 * One round of a workload with a master and a slave on the store of Apache RocketMQ 4.9.7 or 5.3.3, the same work as in
 * replication/ours.js: JSON in as the only argument, JSON out as the last line. Without an argument it is the slave: a request a line
 * on stdin, a reply a line on stdout.
 */
public class Replication {
    private static final PrintStream REPLIES = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
    private static final SocketAddress HOST = new InetSocketAddress("127.0.0.1", 10911);
    private static final String PATIENCE = "60000";

    public static void main(String[] arguments) {
        System.setOut(System.err); // whatever the engine prints is no reply
        try {
            if (arguments.length == 0) new Slave().serve();
            else REPLIES.println(new Round(JSON.parseObject(arguments[0])).run());
            // The store's threads would keep the process alive.
            Runtime.getRuntime().halt(0);
        } catch (Throwable error) {
            error.printStackTrace();
            Runtime.getRuntime().halt(1);
        }
    }

    /** The master's process. */
    private static class Round {
        private final JSONObject workload;
        private final Path directory;
        private final boolean isReversed;
        private final String[] topicNames;
        private final int topics;
        private final int queues;
        private final byte[] body;
        private final SlaveProcess slave = new SlaveProcess();
        /** How far the slave was behind when the last put returned. */
        private long lagAtEnd;

        Round(JSONObject job) throws Exception {
            workload = job.getJSONObject("workload");
            directory = Paths.get(job.getString("directory"));
            isReversed = job.getIntValue("round") % 2 == 1;
            topics = workload.getIntValue("topics");
            topicNames = new String[topics];
            for (int topic = 0; topic < topics; topic++) topicNames[topic] = "bench-" + topic;
            queues = workload.getIntValue("queues");
            body = new byte[workload.getIntValue("bodySize")];
            new Random(1).nextBytes(body);
        }

        JSONObject run() throws Exception {
            measure(workload.getJSONObject("warmUp"), directory.resolve("warm-up"));
            System.gc();
            JSONObject figures = measure(workload, directory.resolve("measured"));
            slave.end();
            return figures;
        }

        /** @param amounts how much is to be done */
        private JSONObject measure(JSONObject amounts, Path storeDirectory) throws Exception {
            JSONObject figures = new JSONObject(true);
            switch (workload.getString("scenario")) {
                case "append": measureAppending(amounts.getIntValue("messages"), amounts.getIntValue("perSecond"), storeDirectory, figures); break;
                case "put": measurePutting(amounts.getIntValue("messages"), storeDirectory, figures); break;
                case "catchUp": measureCatchingUp(amounts.getDoubleValue("gibibytes"), storeDirectory, figures); break;
                default: throw new IllegalArgumentException(workload.getString("scenario"));
            }
            return figures;
        }

        /** What the slave costs a master that does not wait for it, and whether it keeps up. */
        private void measureAppending(int messages, int perSecond, Path storeDirectory, JSONObject figures) throws Exception {
            inTurn(
                () -> withMaster(storeDirectory, Map.of("brokerRole", "ASYNC_MASTER"), (master, address) ->
                    figures.put("alone", measureAppending(master, messages, perSecond))),
                () -> withPair(storeDirectory, "ASYNC_MASTER", (master, address) -> {
                    AtomicBoolean isOver = new AtomicBoolean();
                    AtomicLong lagMax = new AtomicLong();
                    Thread watch = new Thread(() -> {
                        for (; !isOver.get(); sleep()) lagMax.accumulateAndGet(lagOf(master), Math::max);
                    });
                    watch.start();
                    long started = System.nanoTime();
                    figures.put("attached", measureAppending(master, messages, perSecond));
                    isOver.set(true);
                    watch.join();
                    figures.put("lagAtEnd", lagAtEnd);
                    figures.put("lagMax", Math.max(lagAtEnd, lagMax.get()));
                    arrival(master);
                    figures.put("arrived", rate(messages, started));
                }));
        }

        /** What it costs to wait for the slave. */
        private void measurePutting(int messages, Path storeDirectory, JSONObject figures) throws Exception {
            int inFlight = workload.getIntValue("inFlight");
            inTurn(
                () -> withPair(storeDirectory, "ASYNC_MASTER", (master, address) -> {
                    long started = System.nanoTime();
                    figures.put("asynchronous", measureWriting(master, messages, inFlight));
                    arrival(master);
                    figures.put("asynchronousArrived", rate(messages, started));
                }),
                () -> withPair(storeDirectory, "SYNC_MASTER", (master, address) ->
                    figures.put("synchronous", measureWriting(master, messages, inFlight))));
        }

        /** How fast a slave gets what it lacks: all but the first message, since one that has nothing begins with the last file. */
        private void measureCatchingUp(double gibibytes, Path storeDirectory, JSONObject figures) throws Exception {
            withPair(storeDirectory, "ASYNC_MASTER", (master, address) -> {
                slave.call("leave", new JSONObject());
                long size = master.getMaxPhyOffset();
                measureWriting(master, (int) Math.ceil(gibibytes * (1 << 30) / size), 1);
                master.flush();
                JSONObject result = follow(storeDirectory, master, address);
                double bytes = result.getDoubleValue("bytes");
                figures.put("catchUp", bytes * 1000 / result.getDoubleValue("dispatchedMilliseconds"));
                figures.put("catchUpUndispatched", bytes * 1000 / result.getDoubleValue("milliseconds"));
            });
        }

        /** One after the other; which is the first changes from round to round. */
        private void inTurn(Step first, Step second) throws Exception {
            (isReversed ? second : first).run();
            (isReversed ? first : second).run();
        }

        private void withMaster(Path storeDirectory, Map<String, String> options, Work work) throws Exception {
            int port = freePort();
            DefaultMessageStore master = open(storeDirectory.resolve("master"), workload, options, port, null);
            work.on(master, "127.0.0.1:" + port);
            master.shutdown();
            master.destroy();
            remove(storeDirectory);
        }

        /** A master with one message, which its slave has already. */
        private void withPair(Path storeDirectory, String brokerRole, Work work) throws Exception {
            Map<String, String> options = Map.of("brokerRole", brokerRole, "inSyncReplicas", brokerRole.equals("SYNC_MASTER") ? "2" : "1",
                "slaveTimeout", PATIENCE, "syncFlushTimeout", PATIENCE);
            withMaster(storeDirectory, options, (master, address) -> {
                // It is stored whatever becomes of it: there is no slave yet.
                master.asyncPutMessage(messageOf(0));
                while (master.getMaxPhyOffset() == 0) sleep();
                follow(storeDirectory, master, address);
                arrival(master);
                work.on(master, address);
                slave.call("leave", new JSONObject());
            });
        }

        private JSONObject follow(Path storeDirectory, DefaultMessageStore master, String address) throws Exception {
            JSONObject argument = new JSONObject();
            argument.put("directory", storeDirectory.resolve("slave").toString());
            argument.put("workload", workload);
            argument.put("masterAddress", address);
            argument.put("until", master.getMaxPhyOffset());
            return slave.call("follow", argument);
        }

        /** Where there is a pace to keep, the time between does not count, and neither do queues and index. */
        private double measureAppending(DefaultMessageStore store, int messages, int perSecond) throws Exception {
            if (perSecond == 0) return measureWriting(store, messages, 1);
            long began = System.nanoTime();
            double milliseconds = 0;
            for (int number = 0; number < messages; sleep()) {
                long started = System.nanoTime();
                for (double due = Math.min(messages, millisecondsSince(began) * perSecond / 1000); number < due; number++) put(store, number);
                milliseconds += millisecondsSince(started);
            }
            lagAtEnd = lagOf(store);
            return messages * 1000 / milliseconds;
        }

        /** Messages a second, until all queues and the index were built as well. */
        private double measureWriting(DefaultMessageStore store, int messages, int inFlight) throws Exception {
            AtomicInteger next = new AtomicInteger();
            AtomicReference<Throwable> failure = new AtomicReference<>();
            Runnable writer = () -> {
                try {
                    for (int number = next.getAndIncrement(); number < messages; number = next.getAndIncrement()) put(store, number);
                } catch (Throwable error) {
                    failure.set(error);
                }
            };
            Thread[] threads = new Thread[inFlight];
            for (int index = 0; index < inFlight; index++) threads[index] = new Thread(writer);
            long started = System.nanoTime();
            for (Thread thread : threads) thread.start();
            for (Thread thread : threads) thread.join();
            lagAtEnd = lagOf(store);
            if (failure.get() != null) throw new IllegalStateException(failure.get());
            while (store.dispatchBehindBytes() > 0) sleep();
            return rate(messages, started);
        }

        private void put(DefaultMessageStore store, int number) {
            PutMessageStatus status = store.putMessage(messageOf(number)).getPutMessageStatus();
            if (status != PutMessageStatus.PUT_OK) throw new IllegalStateException(status.name());
        }

        private MessageExtBrokerInner messageOf(int number) {
            MessageExtBrokerInner message = new MessageExtBrokerInner();
            message.setTopic(topicNames[number % topics]);
            message.setQueueId(number / topics % queues);
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

        private void arrival(DefaultMessageStore master) {
            while (lagOf(master) > 0) sleep();
        }
    }

    /** The slave, as it is told. */
    private static class Slave {
        private DefaultMessageStore store;

        void serve() throws Exception {
            BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            for (String line; (line = requests.readLine()) != null; ) {
                JSONObject request = JSON.parseObject(line);
                REPLIES.println(answer(request.getString("method"), request.getJSONObject("argument")));
            }
        }

        private JSONObject answer(String method, JSONObject argument) throws Exception {
            if (method.equals("follow")) return follow(argument);
            store.shutdown();
            return new JSONObject();
        }

        /** The clock begins with the first bytes: before that, 5.3.3 sleeps for seconds. */
        private JSONObject follow(JSONObject argument) throws Exception {
            long until = argument.getLongValue("until");
            Path directory = Paths.get(argument.getString("directory"));
            store = open(directory, argument.getJSONObject("workload"), Map.of("brokerRole", "SLAVE"), freePort(), argument.getString("masterAddress"));
            long from = store.getMaxPhyOffset();
            while (store.getMaxPhyOffset() <= from) sleep();
            long started = System.nanoTime();
            while (store.getMaxPhyOffset() < until) sleep();
            JSONObject reply = new JSONObject();
            reply.put("bytes", until - from);
            reply.put("milliseconds", millisecondsSince(started));
            while (store.dispatchBehindBytes() > 0) sleep();
            reply.put("dispatchedMilliseconds", millisecondsSince(started));
            return reply;
        }
    }

    /** The master's end of the slave: this program in another process. */
    private static class SlaveProcess {
        private final Process process;
        private final BufferedReader replies;
        private final PrintStream requests;

        SlaveProcess() throws Exception {
            List<String> command = new ArrayList<>();
            command.add(Paths.get(System.getProperty("java.home"), "bin", "java").toString());
            command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
            command.addAll(List.of("-cp", System.getProperty("java.class.path"), Replication.class.getName()));
            process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
            replies = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
            requests = new PrintStream(process.getOutputStream(), true, StandardCharsets.UTF_8);
        }

        JSONObject call(String method, JSONObject argument) throws Exception {
            JSONObject request = new JSONObject();
            request.put("method", method);
            request.put("argument", argument);
            requests.println(request);
            String reply = replies.readLine();
            if (reply == null) throw new IllegalStateException("the process of the slave has ended");
            return JSON.parseObject(reply);
        }

        void end() throws Exception {
            requests.close();
            process.waitFor();
        }
    }

    private interface Step {
        void run() throws Exception;
    }

    private interface Work {
        void on(DefaultMessageStore master, String address) throws Exception;
    }

    private static DefaultMessageStore open(Path directory, JSONObject workload, Map<String, String> options, int port, String masterAddress) throws Exception {
        MessageStoreConfig config = new MessageStoreConfig();
        config.setStorePathRootDir(directory.toString());
        config.setStorePathCommitLog(directory.resolve("commitlog").toString());
        config.setFlushDiskType(workload.getString("flushDiskType"));
        config.setHaListenPort(port);
        Properties properties = new Properties();
        properties.putAll(options);
        if (workload.containsKey("settings")) {
            JSONObject settings = workload.getJSONObject("settings");
            for (String name : settings.keySet()) properties.setProperty(name, settings.getString(name));
        }
        MixAll.properties2Object(properties, config);
        BrokerConfig brokerConfig = new BrokerConfig();
        brokerConfig.setBrokerId(masterAddress == null ? 0 : 1);
        MessageArrivingListener listener = (MessageArrivingListener) Proxy.newProxyInstance(Replication.class.getClassLoader(),
            new Class[] {MessageArrivingListener.class}, (proxy, method, parameters) -> null);
        // The number of parameters tells the versions apart.
        Constructor<?> constructor = DefaultMessageStore.class.getConstructors()[0];
        List<Object> parameters = new ArrayList<>(List.of(config, new BrokerStatsManager("bench", true), listener, brokerConfig));
        if (constructor.getParameterCount() == 5) parameters.add(new ConcurrentHashMap<>());
        DefaultMessageStore opened = (DefaultMessageStore) constructor.newInstance(parameters.toArray());
        // 4.9.7 knows of a master from here on, 5.3.3 not before it has started.
        if (masterAddress != null) opened.updateHaMasterAddress(masterAddress);
        if (!opened.load()) throw new IllegalStateException("load failed");
        opened.start();
        if (masterAddress != null) opened.updateHaMasterAddress(masterAddress);
        return opened;
    }

    private static int freePort() throws Exception {
        try (ServerSocket socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        }
    }

    private static long lagOf(DefaultMessageStore master) {
        return master.getMaxPhyOffset() - master.getHaService().getPush2SlaveMaxOffset().get();
    }

    private static double rate(int messages, long started) {
        return messages * 1000 / millisecondsSince(started);
    }

    private static double millisecondsSince(long started) {
        return (System.nanoTime() - started) / 1e6;
    }

    private static void sleep() {
        try {
            Thread.sleep(1);
        } catch (InterruptedException error) {
            throw new IllegalStateException(error);
        }
    }

    private static void remove(Path directory) throws Exception {
        try (Stream<Path> paths = Files.walk(directory)) {
            paths.sorted(Comparator.reverseOrder()).map(Path::toFile).forEach(File::delete);
        }
    }
}
