// A client and a worker of Penstock in Go, with nothing but Kafka, an Avro library and schemas/.
// `go build -o hello .` builds it.
//
//	hello BOOTSTRAP CLUSTER worker                    works until SIGTERM or Ctrl-C
//	hello BOOTSTRAP CLUSTER client SECONDS NAME...    starts a run for each name, prints their ends
//	hello check                                       prints the head of each schema's records
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hamba/avro/v2"
	"github.com/hamba/avro/v2/soe"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	tenant       = "default"
	name         = "hello-go" // of the TaskDef, of the WfSpec, and of the worker
	startedAfter = 400 * time.Millisecond
	wfSpec       = `{"entrypoint": "main", "threads": {"main": {
		"variables": [{"name": "name", "type": "STR", "required": true},
		              {"name": "seconds", "type": "DOUBLE", "required": true}],
		"nodes": {
			"begin": {"type": "ENTRYPOINT", "edges": [{"to": "greet"}]},
			"greet": {"type": "TASK", "task_def": "hello-go", "max_attempts": 3,
			          "inputs": {"name": {"from": "VARIABLE", "name": "name"},
			                     "seconds": {"from": "VARIABLE", "name": "seconds"}},
			          "edges": [{"to": "end"}]},
			"end": {"type": "EXIT", "returns": {"from": "NODE_OUTPUT", "node": "greet"}}}}}}`
)

type Fields = map[string]any

var (
	bootstrap, cluster string
	producer           *kgo.Client
	schemas            = map[string]avro.Schema{} // by the record's name
	names              = map[string]string{}      // of the records, by their first ten bytes
)

func main() {
	readSchemas()
	if len(os.Args) == 2 && os.Args[1] == "check" {
		for head, name := range names {
			fmt.Printf("%s %x\n", name, head)
		}
		return
	}
	if len(os.Args) < 4 {
		log.Fatal("use BOOTSTRAP CLUSTER worker, or BOOTSTRAP CLUSTER client SECONDS NAME...")
	}
	bootstrap, cluster = os.Args[1], os.Args[2]
	producer = connect(kgo.RecordPartitioner(partitioner{})) // acks=all, idempotent: its defaults
	defer producer.Close()
	stop, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if os.Args[3] == "worker" {
		work(stop)
		return
	}
	seconds, err := strconv.ParseFloat(os.Args[4], 64)
	must(err)
	start(stop, seconds, os.Args[5:])
}

// --- records -------------------------------------------------------------------------------------

func readSchemas() {
	folder := os.Getenv("PENSTOCK_SCHEMAS")
	if folder == "" {
		folder = "../../schemas"
	}
	paths, _ := filepath.Glob(filepath.Join(folder, "*", "*.avsc"))
	for _, path := range paths {
		text, err := os.ReadFile(path)
		must(err)
		// A cache of its own each: two schemas may define a record of the same name.
		schema, err := avro.ParseBytesWithCache(text, "", &avro.SchemaCache{})
		must(err)
		head, err := soe.BuildHeader(schema) // C3 01 and the fingerprint
		must(err)
		record := schema.(avro.NamedSchema).Name()
		schemas[record], names[string(head)] = schema, record
	}
}

// encode writes a command of our tenant; what is not given is what its schema has as the default.
func encode(record string, fields Fields) []byte {
	fields["tenant"], fields["principal"] = tenant, ""
	body, err := avro.Marshal(schemas[record], fields)
	must(err)
	head, err := soe.BuildHeader(schemas[record])
	must(err)
	return append(head, body...)
}

// decode gives the name and the fields of a record; no name if it is not one.
func decode(data []byte) (string, Fields) {
	if len(data) < 10 || names[string(data[:10])] == "" {
		return "", nil
	}
	var fields Fields
	record := names[string(data[:10])]
	if avro.Unmarshal(schemas[record], data[10:], &fields) != nil {
		return "", nil
	}
	return record, fields
}

// partitioner puts what has a key where the key's hash says (murmur2 is this client's default), and
// what has none, which is metadata, on partition 0.
type partitioner struct{ kgo.TopicPartitioner }

func (partitioner) ForTopic(topic string) kgo.TopicPartitioner {
	return partitioner{kgo.StickyKeyPartitioner(nil).ForTopic(topic)}
}
func (partitioner) RequiresConsistency(*kgo.Record) bool { return true }
func (p partitioner) Partition(record *kgo.Record, count int) int {
	if record.Key == nil {
		return 0
	}
	return p.TopicPartitioner.Partition(record, count)
}

func connect(options ...kgo.Opt) *kgo.Client {
	// A task's topic is there once its first task is; until then it is looked for.
	options = append(options, kgo.SeedBrokers(bootstrap),
		kgo.MetadataMinAge(time.Second), kgo.MetadataMaxAge(3*time.Second))
	client, err := kgo.NewClient(options...)
	must(err)
	return client
}

// send returns when the log has the command. What is sent again has the same command id.
func send(wfRunId, commandId, command string, fields Fields) {
	record := &kgo.Record{Topic: cluster + ".commands", Value: encode(command, fields)}
	record.Headers = []kgo.RecordHeader{{Key: "fold-version", Value: []byte("1")}}
	if commandId != "" {
		id := kgo.RecordHeader{Key: "command-id", Value: []byte(commandId)}
		record.Headers = append(record.Headers, id)
	}
	if wfRunId != "" { // the family of a run is on the partition of its root
		root, _, _ := strings.Cut(wfRunId, ".")
		record.Key = []byte(root)
	}
	must(producer.ProduceSync(context.Background(), record).FirstErr())
}

// --- the client ----------------------------------------------------------------------------------

func start(stop context.Context, seconds float64, people []string) {
	inputs := []any{Fields{"name": "name", "type": "STR"}, Fields{"name": "seconds", "type": "DOUBLE"}}
	taskDef := Fields{"name": name, "input_vars": inputs, "return_type": "STR"}
	send("", rand.Text(), "PutTaskDef", taskDef)
	send("", rand.Text(), "PutWfSpec", Fields{"name": name, "spec": []byte(wfSpec)})

	// What happens from now on; a minute more, since clocks differ. Other runs are passed by.
	begin := kgo.NewOffset().AfterMilli(time.Now().Add(-time.Minute).UnixMilli())
	events := connect(kgo.ConsumeTopics(cluster+".events"), kgo.ConsumeResetOffset(begin))
	defer events.Close()

	runs := map[any]func(){} // how to start it, by the run's id, which is its command's id as well
	for _, person := range people {
		id := rand.Text()
		runs[id] = func() {
			variables := Fields{"name": asJson(person), "seconds": asJson(seconds)}
			send(id, id, "RunWf", Fields{"wf_spec": name, "wf_run_id": id, "variables": variables})
		}
		runs[id]()
	}
	for len(runs) > 0 && stop.Err() == nil {
		events.PollFetches(stop).EachRecord(func(record *kgo.Record) { hear(record.Value, runs) })
	}
}

// hear prints the end of one of the runs, or starts one again whose start came too early.
func hear(event []byte, runs map[any]func()) {
	record, fields := decode(event)
	switch again := runs[fields["command_id"]]; {
	case record == "WfRunChanged" && runs[fields["wf_run_id"]] != nil:
		switch fields["status"] {
		case "COMPLETED", "ERROR", "EXCEPTION":
			fmt.Printf("%v %s %v\n", fields["status"], fields["output"], fields["failure"])
			delete(runs, fields["wf_run_id"])
		}
	case record == "CommandRefused" && again != nil:
		if fields["code"] != "SPEC_UNKNOWN" { // the definition is on its way to that partition
			log.Fatalf("refused: %v: %v", fields["code"], fields["message"])
		}
		time.Sleep(50 * time.Millisecond)
		again()
	}
}

// --- the worker ----------------------------------------------------------------------------------

func work(stop context.Context) {
	topic := cluster + ".tasks." + tenant + "." + name // a name with '.' or '_': see the document
	tasks := connect(kgo.ConsumerGroup(topic), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.BlockRebalanceOnPoll(),
		kgo.SessionTimeout(10*time.Second))
	running := &sync.Map{} // guid and attempt: how to stop it
	go obey(stop, running)
	for stop.Err() == nil {
		// One at a time: what has not begun is for others. A crowd of goroutines would do as well,
		// if the offset then follows the oldest that is not reported.
		tasks.PollRecords(stop, 1).EachRecord(func(record *kgo.Record) {
			if name, task := decode(record.Value); name == "ScheduledTask" {
				attempt(task, running)
			} else {
				log.Printf("%s %d is no task", record.Topic, record.Offset)
			}
			// Only now that the log has the report: who dies before leaves the task to others.
			must(tasks.CommitRecords(context.Background(), record))
		})
		tasks.AllowRebalance()
	}
	tasks.Close() // leaves the group
}

func attempt(task Fields, running *sync.Map) {
	ctx, cancel := context.WithCancel(context.Background())
	key := fmt.Sprint(task["guid"], task["attempt"])
	running.Store(key, cancel)
	defer running.Delete(key)
	run, begun := task["wf_run_id"].(string), time.Now().UnixMilli()
	words := func() Fields {
		return Fields{"wf_run_id": run, "guid": task["guid"], "attempt": task["attempt"], "worker": name}
	}
	// The report of a short task says it all; one that goes on says that it has started.
	slow := time.AfterFunc(startedAfter, func() { send(run, "", "TaskStarted", words()) })
	report := words()
	report["started_at_ms"] = begun
	greet(ctx, task["inputs"].(Fields), report)
	slow.Stop()
	send(run, "", "ReportTask", report)
}

// obey stops what is asked to stop.
func obey(stop context.Context, running *sync.Map) {
	topic := cluster + ".worker-signals"
	signals := connect(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()))
	defer signals.Close()
	for stop.Err() == nil {
		signals.PollFetches(stop).EachRecord(func(record *kgo.Record) {
			_, signal := decode(record.Value)
			if cancel, here := running.Load(fmt.Sprint(signal["guid"], signal["attempt"])); here {
				cancel.(context.CancelFunc)()
			}
		})
	}
}

// greet is the task.
func greet(ctx context.Context, inputs Fields, report Fields) {
	var who string
	var seconds float64
	first, _ := inputs["name"].([]byte)
	second, _ := inputs["seconds"].([]byte)
	if json.Unmarshal(first, &who) != nil || json.Unmarshal(second, &seconds) != nil {
		report["status"], report["error"] = "TASK_INPUT_VAR_SUB_ERROR", "name is a STR, seconds a DOUBLE"
		return
	}
	select {
	case <-ctx.Done():
		report["status"], report["error"] = "TASK_FAILED", "it was asked to stop"
	case <-time.After(time.Duration(seconds * float64(time.Second))):
		if who == "" { // a business exception, which the workflow may handle by its name
			report["status"], report["exception"], report["error"] = "TASK_EXCEPTION", "nobody", "no name"
			return
		}
		report["status"], report["output"] = "TASK_SUCCESS", asJson("Hello, "+who+", from Go!")
	}
}

func asJson(value any) []byte {
	text, err := json.Marshal(value)
	must(err)
	return text
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
