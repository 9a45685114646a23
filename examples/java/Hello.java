// A client and a worker of Penstock in Java, with nothing but Kafka, an Avro library and schemas/.
//
//   mvn -q dependency:copy-dependencies -DoutputDirectory=libs
//   javac -cp 'libs/*' -d classes Hello.java
//   java -cp 'classes:libs/*' Hello ...
//
//   BOOTSTRAP CLUSTER worker                   works until SIGTERM or Ctrl-C
//   BOOTSTRAP CLUSTER client SECONDS NAME...   starts a run for each name, prints their ends
//   check                                      prints the head of each schema's records

import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.avro.Schema;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.generic.GenericRecordBuilder;
import org.apache.avro.message.BinaryMessageDecoder;
import org.apache.avro.message.BinaryMessageEncoder;
import org.apache.avro.util.Utf8;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public final class Hello {
    static final String TENANT = "default";
    static final String NAME = "hello-java"; // of the TaskDef, of the WfSpec, and of the worker
    static final long STARTED_AFTER_MS = 400;
    static final String WF_SPEC = """
        {"entrypoint": "main", "threads": {"main": {
          "variables": [{"name": "name", "type": "STR", "required": true},
                        {"name": "seconds", "type": "DOUBLE", "required": true}],
          "nodes": {
            "begin": {"type": "ENTRYPOINT", "edges": [{"to": "greet"}]},
            "greet": {"type": "TASK", "task_def": "hello-java", "max_attempts": 3,
                      "inputs": {"name": {"from": "VARIABLE", "name": "name"},
                                 "seconds": {"from": "VARIABLE", "name": "seconds"}},
                      "edges": [{"to": "end"}]},
            "end": {"type": "EXIT", "returns": {"from": "NODE_OUTPUT", "node": "greet"}}}}}}""";
    static final ObjectMapper JSON = new ObjectMapper();

    final Map<String, Schema> schemas = new HashMap<>(); // by the record's name
    final Map<Long, Schema> byFingerprint = new HashMap<>();
    final String bootstrap;
    final String cluster;
    final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();
    KafkaProducer<byte[], byte[]> producer;
    volatile boolean stopping;

    Hello(String bootstrap, String cluster) throws IOException {
        this.bootstrap = bootstrap;
        this.cluster = cluster;
        String folder = System.getenv().getOrDefault("PENSTOCK_SCHEMAS", "../../schemas");
        for (String kind : List.of("command", "event", "task")) {
            for (File file : Path.of(folder, kind).toFile().listFiles()) {
                // A parser of its own each: two schemas may define a record of the same name.
                Schema schema = new Schema.Parser().parse(Files.readString(file.toPath()));
                schemas.put(schema.getName(), schema);
                byFingerprint.put(SchemaNormalization.parsingFingerprint64(schema), schema);
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments.length == 1 && arguments[0].equals("check")) {
            for (Schema schema : new Hello("", "").schemas.values()) {
                byte[] print = SchemaNormalization.parsingFingerprint("CRC-64-AVRO", schema);
                System.out.println(schema.getName() + " c301" + HexFormat.of().formatHex(print));
            }
            return;
        }
        Hello hello = new Hello(arguments[0], arguments[1]);
        var bytes = new ByteArraySerializer();
        hello.producer = new KafkaProducer<>(hello.settings(), bytes, bytes);
        if (arguments[2].equals("worker")) {
            hello.work();
        } else {
            List<String> people = Arrays.asList(arguments).subList(4, arguments.length);
            hello.start(Double.parseDouble(arguments[3]), people);
        }
        hello.timer.shutdown();
        hello.producer.close();
    }

    // --- records ---------------------------------------------------------------------------------

    /** A command of our tenant; what is not given is what its schema has as the default. */
    byte[] encode(String name, Map<String, Object> fields) throws IOException {
        Schema schema = schemas.get(name);
        var record = new GenericRecordBuilder(schema).set("tenant", TENANT).set("principal", "");
        fields.forEach(record::set);
        var encoder = new BinaryMessageEncoder<GenericRecord>(GenericData.get(), schema);
        ByteBuffer data = encoder.encode(record.build());
        byte[] bytes = new byte[data.remaining()];
        data.get(bytes);
        return bytes;
    }

    /** A record, or null if these bytes are not one. */
    GenericRecord decode(byte[] data) {
        if (data == null || data.length < 10) {
            return null;
        }
        ByteBuffer head = ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN);
        Schema schema = byFingerprint.get(head.getLong(2)); // after C3 01
        if (schema == null) {
            return null;
        }
        try {
            return new BinaryMessageDecoder<GenericRecord>(GenericData.get(), schema).decode(data);
        } catch (IOException | RuntimeException error) { // foreign bytes may be anything
            return null;
        }
    }

    static ByteBuffer asJson(Object value) throws IOException {
        return ByteBuffer.wrap(JSON.writeValueAsBytes(value));
    }

    // --- the log ---------------------------------------------------------------------------------

    Properties settings(String... more) {
        Properties settings = new Properties(); // by default acks=all, idempotence and murmur2
        settings.put("bootstrap.servers", bootstrap);
        settings.put("metadata.max.age.ms", "3000"); // the topic comes with its first task
        for (int index = 0; index < more.length; index += 2) {
            settings.put(more[index], more[index + 1]);
        }
        return settings;
    }

    KafkaConsumer<byte[], byte[]> consumer(String... more) {
        Properties settings = settings(more);
        settings.put("enable.auto.commit", "false");
        settings.put("allow.auto.create.topics", "false");
        var bytes = new ByteArrayDeserializer();
        return new KafkaConsumer<>(settings, bytes, bytes);
    }

    /** Returns when the log has the command. What is sent again has the same command id. */
    void send(String wfRunId, Integer partition, String commandId, String command,
            Map<String, Object> fields) throws Exception {
        String root = wfRunId == null ? null : wfRunId.split("\\.")[0]; // where its family is
        byte[] key = root == null ? null : root.getBytes(StandardCharsets.UTF_8);
        byte[] value = encode(command, fields);
        var record = new ProducerRecord<>(cluster + ".commands", partition, key, value);
        record.headers().add("fold-version", "1".getBytes(StandardCharsets.UTF_8));
        if (commandId != null) {
            record.headers().add("command-id", commandId.getBytes(StandardCharsets.UTF_8));
        }
        producer.send(record).get();
    }

    // --- the client ------------------------------------------------------------------------------

    void start(double seconds, List<String> people) throws Exception {
        Schema input = schemas.get("PutTaskDef").getField("input_vars").schema().getElementType();
        var inputs = List.of(
            new GenericRecordBuilder(input).set("name", "name").set("type", "STR").build(),
            new GenericRecordBuilder(input).set("name", "seconds").set("type", "DOUBLE").build());
        send(null, 0, newId(), "PutTaskDef",
            Map.of("name", NAME, "input_vars", inputs, "return_type", "STR"));
        ByteBuffer spec = ByteBuffer.wrap(WF_SPEC.getBytes(StandardCharsets.UTF_8));
        send(null, 0, newId(), "PutWfSpec", Map.of("name", NAME, "spec", spec));

        try (var events = consumer()) {
            List<TopicPartition> partitions = new ArrayList<>();
            events.partitionsFor(cluster + ".events").forEach(
                info -> partitions.add(new TopicPartition(info.topic(), info.partition())));
            events.assign(partitions);
            events.seekToEnd(partitions);
            partitions.forEach(events::position); // the ends are known now, before the runs begin

            // By the run's id, which is its command's id as well.
            var runs = new HashMap<String, Map<String, Object>>();
            for (String person : people) {
                String id = newId();
                var variables = Map.of("name", asJson(person), "seconds", asJson(seconds));
                runs.put(id, Map.of("wf_spec", NAME, "wf_run_id", id, "variables", variables));
                send(id, null, id, "RunWf", runs.get(id));
            }
            while (!runs.isEmpty()) {
                for (var record : events.poll(Duration.ofSeconds(1))) {
                    hear(decode(record.value()), runs);
                }
            }
        }
    }

    /** Prints the end of one of the runs, or starts one again whose start came too early. */
    void hear(GenericRecord event, Map<String, Map<String, Object>> runs) throws Exception {
        String kind = event == null ? "" : event.getSchema().getName();
        String id = kind.equals("WfRunChanged") ? text(event, "wf_run_id") : null;
        id = kind.equals("CommandRefused") ? text(event, "command_id") : id;
        if (id == null || !runs.containsKey(id)) {
            return;
        }
        if (kind.equals("CommandRefused")) {
            if (!text(event, "code").equals("SPEC_UNKNOWN")) {
                throw new IllegalStateException(text(event, "message"));
            }
            Thread.sleep(50); // the definition is on its way to that partition
            send(id, null, id, "RunWf", runs.get(id));
        } else if (List.of("COMPLETED", "ERROR", "EXCEPTION").contains(text(event, "status"))) {
            var output = StandardCharsets.UTF_8.decode((ByteBuffer) event.get("output"));
            System.out.println(text(event, "status") + " " + output + " " + text(event, "failure"));
            runs.remove(id);
        }
    }

    static String newId() {
        return UUID.randomUUID().toString();
    }

    static String text(GenericRecord record, String field) {
        return record.get(field) == null ? null : record.get(field).toString();
    }

    // --- the worker ------------------------------------------------------------------------------

    void work() throws Exception {
        String topic = cluster + ".tasks." + TENANT + "." + NAME; // '.', '_': see the document
        Thread worker = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> { // finish what runs, then leave
            stopping = true;
            try {
                worker.join(20_000);
            } catch (InterruptedException error) {
                Thread.currentThread().interrupt();
            }
        }));
        try (var tasks = consumer("group.id", topic, "auto.offset.reset", "earliest",
                "max.poll.records", "1", "session.timeout.ms", "10000")) {
            tasks.subscribe(List.of(topic));
            while (!stopping) {
                for (ConsumerRecord<byte[], byte[]> record : tasks.poll(Duration.ofMillis(200))) {
                    GenericRecord task = decode(record.value());
                    if (task != null && task.getSchema().getName().equals("ScheduledTask")) {
                        attempt(task);
                    } else {
                        System.err.println(topic + " " + record.offset() + " is no task");
                    }
                    // Only now that the log has the report: who dies before leaves the task.
                    var partition = new TopicPartition(record.topic(), record.partition());
                    tasks.commitSync(Map.of(partition, new OffsetAndMetadata(record.offset() + 1)));
                }
            }
        }
    }

    void attempt(GenericRecord task) throws Exception {
        String run = text(task, "wf_run_id");
        int partition = Math.toIntExact((Long) task.get("report_partition"));
        Map<String, Object> words = Map.of("wf_run_id", run, "guid", task.get("guid"),
            "attempt", task.get("attempt"), "worker", NAME);
        Map<String, Object> report = new HashMap<>(words);
        report.put("started_at_ms", System.currentTimeMillis());
        // The report of a short task says it all; one that goes on says that it has started.
        var slow = timer.schedule(() -> {
            send(run, partition, null, "TaskStarted", words);
            return null;
        }, STARTED_AFTER_MS, TimeUnit.MILLISECONDS);
        try {
            report.putAll(greet((Map<?, ?>) task.get("inputs")));
        } catch (Exception error) { // whatever the function does, its end is reported
            report.putAll(Map.of("status", "TASK_FAILED", "error", error.toString()));
        }
        slow.cancel(false);
        send(run, partition, null, "ReportTask", report);
    }

    /** The task. */
    static Map<String, Object> greet(Map<?, ?> inputs) throws Exception {
        JsonNode name = JSON.readTree(((ByteBuffer) inputs.get(new Utf8("name"))).array());
        JsonNode seconds = JSON.readTree(((ByteBuffer) inputs.get(new Utf8("seconds"))).array());
        if (!name.isTextual() || !seconds.isNumber()) {
            String error = "name is a STR, seconds is a DOUBLE";
            return Map.of("status", "TASK_INPUT_VAR_SUB_ERROR", "error", error);
        }
        Thread.sleep((long) (seconds.asDouble() * 1000));
        if (name.asText().isEmpty()) { // a business exception: the workflow may handle it by name
            return Map.of("status", "TASK_EXCEPTION", "exception", "nobody", "error", "no name");
        }
        String greeting = "Hello, " + name.asText() + ", from Java!";
        return Map.of("status", "TASK_SUCCESS", "output", asJson(greeting));
    }
}
