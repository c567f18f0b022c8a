/**
 * What is measured. Every side does `measures` in turn on one store, each for all of `messages`, `query` for `queries`
 * keys; before that, the same on another store with what `warmUp` says instead. Every message has a tag and one key, unless `keys` says how many.
 * `against` names the other sides: a version of RocketMQ, a package of peers/, or the ceiling.
 *
 * A workload with an `image` opens a store that is there already, in a process that has just begun: each round gets a copy
 * of the same one, which has `closed`, or has `crashed` with a checkpoint that vouches for nothing. It is not in the page cache
 * unless `isCached`; what is `rehearsed` is done once before it counts.
 *
 * The warm-up of the large ones is as large as what is measured, for the sake of the machine's memory: where a host
 * takes free pages back, the first touch of a page costs several times as much as that of one just freed.
 */
const engines = ['4.9.7', '5.3.3']
const peers = ['lmdb', 'classic-level', 'better-sqlite3']
const asyncPeers = ['lmdb-nosync', ...peers]
const common = { topics: 8, queues: 4, queries: 20_000, program: 'store', against: engines, flushDiskType: 'ASYNC_FLUSH' }
const append = { ...common, against: [...engines, ...asyncPeers, 'ceiling'], measures: ['append', 'pull', 'slice', 'decode', 'query'] }
const put = { ...common, against: [...engines, ...asyncPeers, 'ceiling'], bodySize: 1024, measures: ['put'] }
const syncPut = { ...put, against: [...engines, ...peers, 'ceiling'], flushDiskType: 'SYNC_FLUSH' }
const crashed = { ...common, against: [...engines, 'ceiling'], image: 'crashed', measures: ['open'] }
/** `scenario` is a function of replication/ours.js and java/Replication.java. */
const pair = { ...common, program: 'replication', bodySize: 1024 }
/** RocketMQ holds a file open for each queue; 20,000 files is what many a system allows, and it needs some besides. 4.9.7 is not for so many. */
const many = { ...common, against: ['5.3.3'], topics: 2450, queues: 8, bodySize: 128 }
/** What no other side does: it is held against itself. */
const alone = { ...common, against: [] }

export const workloads = [
  { ...append, name: 'append-128', title: 'append, 128 B', bodySize: 128, messages: 2_000_000, warmUp: { messages: 2_000_000 } },
  { ...append, name: 'append-1024', title: 'append, 1 KiB', bodySize: 1024, messages: 850_000, warmUp: { messages: 850_000 } },
  { ...put, name: 'put-async-64', title: 'put, 1 KiB, 64 in flight', messages: 600_000, warmUp: { messages: 600_000 }, inFlight: 64 },
  {
    ...common, name: 'batch-32', title: 'batches of 32, 1 KiB', against: [...engines, ...asyncPeers, 'ceiling'], bodySize: 1024, batchSize: 32,
    messages: 800_000, warmUp: { messages: 800_000 }, measures: ['batch'],
  },
  { ...syncPut, name: 'put-1', title: 'put, 1 KiB, 1 in flight', messages: 15_000, warmUp: { messages: 5_000 }, inFlight: 1 },
  { ...syncPut, name: 'put-16', title: 'put, 1 KiB, 16 in flight', messages: 100_000, warmUp: { messages: 25_000 }, inFlight: 16 },
  { ...syncPut, name: 'put-64', title: 'put, 1 KiB, 64 in flight', messages: 200_000, warmUp: { messages: 50_000 }, inFlight: 64 },
  { ...syncPut, name: 'put-512', title: 'put, 1 KiB, 512 in flight', messages: 300_000, warmUp: { messages: 100_000 }, inFlight: 512 },
  {
    ...common, name: 'latency', title: 'append at a steady pace, 1 KiB', bodySize: 1024, perSecond: 200_000, seconds: 60, warmUp: { messages: 400_000 },
    measures: ['steady'],
  },
  {
    ...common, name: 'find', title: 'by key in an index of 20 M entries, by id, by time, 128 B', bodySize: 128, messages: 1_990_000, keys: 10,
    queries: 200_000, image: 'closed', isCached: true, rehearsed: true, measures: ['query', 'lookup', 'offsetByTime'],
  },
  { ...crashed, name: 'recovery', title: 'open after a crash, 1 KiB', bodySize: 1024, gibibytes: 1, messages: 930_000 },
  { ...crashed, name: 'recovery-128', title: 'open after a crash, 128 B', bodySize: 128, gibibytes: 1, messages: 4_200_000 },
  {
    ...common, name: 'clean-open', title: 'open after a close, 64 segments', bodySize: 1024, messages: 930_000, image: 'closed',
    settings: { mappedFileSizeCommitLog: 16 << 20 }, measures: ['open'],
  },
  {
    ...many, name: 'queues-20000', title: 'append to 19,600 queues in turn, 128 B', messages: 1_000_000, warmUp: { messages: 400_000, topics: 8 },
    measures: ['append'],
  },
  { ...many, name: 'queues-20000-open', title: 'open 19,600 queues after a close', messages: 400_000, image: 'closed', measures: ['open'] },
  {
    ...alone, name: 'cold-reader', title: 'a reader of cold segments while appending, 1 KiB', bodySize: 1024, messages: 930_000, image: 'closed',
    appended: 800_000, pullsPerTurn: 4, measures: ['coldReader'],
  },
  { ...alone, name: 'memory', title: 'memory while appending, 128 B', bodySize: 128, messages: 50_000_000, samples: 50, measures: ['memory'] },
  {
    ...alone, name: 'growth', title: 'append to a store that has grown, 128 B', bodySize: 128, messages: 50_000_000, window: 1_000_000, restSeconds: 10,
    measures: ['growth'],
  },
  {
    ...pair, name: 'replication-append', scenario: 'append', title: 'append, 1 KiB, asynchronous replication',
    messages: 850_000, warmUp: { messages: 850_000 }, measures: ['alone', 'attached', 'arrived', 'lagAtEnd', 'lagMax'],
  },
  {
    ...pair, name: 'replication-steady', scenario: 'append', title: 'append at 150,000 messages/s, 1 KiB, asynchronous replication',
    perSecond: 150_000, messages: 750_000, warmUp: { messages: 400_000 }, measures: ['alone', 'attached', 'arrived', 'lagAtEnd', 'lagMax'],
  },
  {
    ...pair, name: 'replication-put-64', scenario: 'put', title: 'put, 1 KiB, 64 in flight, with a slave', inFlight: 64,
    messages: 200_000, warmUp: { messages: 50_000 }, measures: ['asynchronous', 'asynchronousArrived', 'synchronous'],
  },
  {
    ...pair, name: 'replication-catch-up', scenario: 'catchUp', title: 'a slave that was away catches up, 1 KiB', gibibytes: 0.25, warmUp: { gibibytes: 0.0625 },
    measures: ['catchUp'],
  },
]
