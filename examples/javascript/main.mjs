// A client and a worker of Penstock in JavaScript, with nothing but Kafka, an Avro library and
// schemas/. `npm ci` brings the two.
//
//   node main.mjs BOOTSTRAP CLUSTER worker                 works until SIGTERM or Ctrl-C
//   node main.mjs BOOTSTRAP CLUSTER client SECONDS NAME... starts a run for each, prints their ends
//   node main.mjs check                                    prints the head of each schema's records

import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import avro from 'avsc';
import { Kafka, Partitioners, logLevel } from 'kafkajs';

const TENANT = 'default';
const NAME = 'hello-javascript'; // of the TaskDef, of the WfSpec, and of the worker
const STARTED_AFTER_MS = 400;
const WF_SPEC = {
  entrypoint: 'main',
  threads: {
    main: {
      variables: [
        { name: 'name', type: 'STR', required: true },
        { name: 'seconds', type: 'DOUBLE', required: true },
      ],
      nodes: {
        begin: { type: 'ENTRYPOINT', edges: [{ to: 'greet' }] },
        greet: {
          type: 'TASK',
          task_def: NAME,
          max_attempts: 3,
          inputs: {
            name: { from: 'VARIABLE', name: 'name' },
            seconds: { from: 'VARIABLE', name: 'seconds' },
          },
          edges: [{ to: 'end' }],
        },
        end: { type: 'EXIT', returns: { from: 'NODE_OUTPUT', node: 'greet' } },
      },
    },
  },
};

// --- records: C3 01, the fingerprint of the schema, the body -------------------------------------

const types = new Map(); // by the record's name
const names = new Map(); // of the records, by their first ten bytes in hexadecimal

function readSchemas() {
  const folder = process.env.PENSTOCK_SCHEMAS ?? '../../schemas';
  for (const path of readdirSync(folder, { recursive: true })) {
    if (!/^(command|event|task).[^/\\]*\.avsc$/.test(path)) continue;
    const type = avro.Type.forSchema(JSON.parse(readFileSync(join(folder, path))));
    const head = Buffer.concat([Buffer.from([0xc3, 0x01]), fingerprint(type)]);
    const name = type.name.split('.').pop();
    types.set(name, { type, head });
    names.set(head.toString('hex'), name);
  }
}

// CRC-64-AVRO of the canonical form, little-endian. The library has other fingerprints only.
function fingerprint(type) {
  const empty = 0xc15d213aa4d7a795n;
  let crc = empty;
  for (const byte of Buffer.from(JSON.stringify(type.schema()))) {
    let row = (crc ^ BigInt(byte)) & 0xffn;
    for (let bit = 0; bit < 8; bit++) row = row & 1n ? (row >> 1n) ^ empty : row >> 1n;
    crc = (crc >> 8n) ^ row;
  }
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(crc);
  return bytes;
}

// A command of our tenant; what is not given is what its schema has as the default.
function encode(name, fields) {
  const { type, head } = types.get(name);
  return Buffer.concat([head, type.toBuffer({ tenant: TENANT, principal: '', ...fields })]);
}

// The name and the fields of a record; no name if it is not one.
function decode(data) {
  const name = names.get(data?.subarray(0, 10).toString('hex'));
  try {
    return name ? [name, types.get(name).type.fromBuffer(data.subarray(10))] : [null, {}];
  } catch {
    return [null, {}];
  }
}

const asJson = (value) => Buffer.from(JSON.stringify(value));

// --- the log -------------------------------------------------------------------------------------

const [bootstrap, cluster, role, seconds, ...people] = process.argv.slice(2);
const kafka = new Kafka({
  brokers: [bootstrap],
  logLevel: logLevel.ERROR,
  retry: { retries: 1000, maxRetryTime: 1000 },
});
// This default partitioner is murmur2, as the Java client's is.
const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });

// Resolves when the log has the command. What is sent again has the same command id.
async function send(place, commandId, command, fields) {
  const headers = { 'fold-version': '1', ...(commandId && { 'command-id': commandId }) };
  const message = { ...place, value: encode(command, fields), headers };
  await producer.send({ topic: `${cluster}.commands`, acks: -1, messages: [message] });
}

const METADATA = { key: null, partition: 0 };
const ofRun = (wfRunId) => ({ key: wfRunId.split('.')[0] }); // the family is where its root is

// --- the client ----------------------------------------------------------------------------------

async function client() {
  const inputs = [{ name: 'name', type: 'STR' }, { name: 'seconds', type: 'DOUBLE' }];
  const taskDef = { name: NAME, input_vars: inputs, return_type: 'STR' };
  await send(METADATA, randomUUID(), 'PutTaskDef', taskDef);
  await send(METADATA, randomUUID(), 'PutWfSpec', { name: NAME, spec: asJson(WF_SPEC) });

  // This library reads as a member of a group only: one for us alone, from where the topic ends.
  const topic = `${cluster}.events`;
  const admin = kafka.admin();
  await admin.connect();
  const ends = await admin.fetchTopicOffsets(topic);
  await admin.disconnect();
  const events = kafka.consumer({ groupId: `${NAME}-${randomUUID()}`, maxWaitTimeInMs: 200 });
  await events.connect();
  await events.subscribe({ topics: [topic], fromBeginning: true });

  const runs = new Map(); // how to start it, by the run's id, which is its command's id as well
  for (const person of people) {
    const id = randomUUID();
    const variables = { name: asJson(person), seconds: asJson(Number(seconds)) };
    const command = { wf_spec: NAME, wf_run_id: id, variables };
    runs.set(id, () => send(ofRun(id), id, 'RunWf', command));
    await runs.get(id)();
  }
  await new Promise((resolve, reject) => {
    const eachMessage = async ({ message }) => {
      await hear(message.value, runs).catch(reject);
      if (!runs.size) resolve();
    };
    events.run({ autoCommit: false, eachMessage });
    for (const { partition, high } of ends) events.seek({ topic, partition, offset: high });
  });
  await events.disconnect();
}

// Prints the end of one of the runs, or starts one again whose start came too early.
async function hear(event, runs) {
  const [record, fields] = decode(event);
  if (record === 'WfRunChanged' && runs.has(fields.wf_run_id)) {
    if (!['COMPLETED', 'ERROR', 'EXCEPTION'].includes(fields.status)) return;
    console.log(fields.status, fields.output.toString(), fields.failure);
    runs.delete(fields.wf_run_id);
  } else if (record === 'CommandRefused' && runs.has(fields.command_id)) {
    // The definition may be on its way to that partition; anything else is final.
    if (fields.code !== 'SPEC_UNKNOWN') throw new Error(`${fields.code}: ${fields.message}`);
    await pause(50);
    await runs.get(fields.command_id)();
  }
}

// --- the worker ----------------------------------------------------------------------------------

async function worker() {
  const topic = `${cluster}.tasks.${TENANT}.${NAME}`; // with '.' or '_': see the document
  const tasks = kafka.consumer({ groupId: topic, sessionTimeout: 10_000, maxWaitTimeInMs: 200 });
  let stopped = false;
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => (stopped = true));
  const admin = kafka.admin();
  await admin.connect();
  // The topic is there once its first task is.
  while (!stopped && !(await admin.listTopics()).includes(topic)) await pause(1000);
  await admin.disconnect();
  if (stopped) return;
  await tasks.connect();
  await tasks.subscribe({ topics: [topic], fromBeginning: true });
  const eachMessage = async ({ partition, message, heartbeat }) => {
    const [record, task] = decode(message.value);
    const alive = setInterval(() => heartbeat().catch(() => {}), 1000); // of the group's member
    try {
      if (record === 'ScheduledTask') await attempt(task);
      else console.error(`${topic} ${partition} ${message.offset} is no task`);
    } finally {
      clearInterval(alive);
    }
    // Only now that the log has the report: who dies before leaves the task to others.
    const offset = (BigInt(message.offset) + 1n).toString();
    await tasks.commitOffsets([{ topic, partition, offset }]);
  };
  const signals = await obey();
  await tasks.run({ autoCommit: false, eachMessage });
  while (!stopped) await pause(100);
  await tasks.disconnect(); // when what runs has ended; leaves the group
  await signals.disconnect();
}

const running = new Map(); // guid and attempt: how to stop it

// Stops what is asked to stop, from now on.
async function obey() {
  const signals = kafka.consumer({ groupId: `${NAME}-${randomUUID()}`, maxWaitTimeInMs: 200 });
  await signals.connect();
  await signals.subscribe({ topics: [`${cluster}.worker-signals`], fromBeginning: false });
  const eachMessage = async ({ message }) => {
    const [, { guid, attempt }] = decode(message.value);
    running.get(`${guid} ${attempt}`)?.abort();
  };
  await signals.run({ autoCommit: false, eachMessage });
  return signals;
}

async function attempt(task) {
  const { wf_run_id, guid, attempt, report_partition: partition } = task;
  const place = { ...ofRun(wf_run_id), partition };
  const words = { wf_run_id, guid, attempt, worker: NAME };
  const started_at_ms = Date.now();
  // The report of a short task says it all; one that goes on says that it has started.
  const started = () => send(place, null, 'TaskStarted', words).catch(console.error);
  const slow = setTimeout(started, STARTED_AFTER_MS);
  const stop = new AbortController();
  running.set(`${guid} ${attempt}`, stop);
  const broke = (error) => ({ status: 'TASK_FAILED', error: String(error) });
  const result = await greet(task.inputs, stop.signal).catch(broke);
  running.delete(`${guid} ${attempt}`);
  clearTimeout(slow);
  await send(place, null, 'ReportTask', { ...words, started_at_ms, ...result });
}

// The task.
async function greet(inputs, signal) {
  const name = JSON.parse(inputs.name);
  const seconds = JSON.parse(inputs.seconds);
  if (typeof name !== 'string' || typeof seconds !== 'number') {
    return { status: 'TASK_INPUT_VAR_SUB_ERROR', error: 'name is a STR, seconds is a DOUBLE' };
  }
  await pause(seconds * 1000, null, { signal }).catch(() => {});
  if (signal.aborted) return { status: 'TASK_FAILED', error: 'it was asked to stop' };
  if (!name) return { status: 'TASK_EXCEPTION', exception: 'nobody', error: 'no name' };
  return { status: 'TASK_SUCCESS', output: asJson(`Hello, ${name}, from JavaScript!`) };
}

// -------------------------------------------------------------------------------------------------

readSchemas();
if (bootstrap === 'check') {
  for (const [head, name] of names) console.log(name, head);
} else if (role === 'worker' || role === 'client') {
  await producer.connect();
  await (role === 'worker' ? worker() : client());
  await producer.disconnect();
} else {
  console.error('use BOOTSTRAP CLUSTER worker, or BOOTSTRAP CLUSTER client SECONDS NAME...');
  process.exitCode = 2;
}
