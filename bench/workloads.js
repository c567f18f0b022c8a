/**
 * What is measured. Both sides do `measures` in turn on one store, each for all of `messages`, `query` for `queries`
 * keys; before that, the same on another store with `warmUpMessages`. Every message has a tag and one key.
 *
 * A workload with an `image` opens a store that is there already, in a process that has just begun: each round gets a copy
 * of the same one, which has `closed`, or has `crashed` with a checkpoint that vouches for nothing.
 *
 * The warm-up of the large ones is as large as what is measured, for the sake of the machine's memory: where a host
 * takes free pages back, the first touch of a page costs several times as much as that of one just freed.
 */
const common = { topics: 8, queues: 4, queries: 20_000, program: 'store', engines: ['4.9.7'] }
/** With the same work before it, in small, on other stores. `scenario` is a function of replication/ours.js and java/Replication.java. */
const pair = { ...common, program: 'replication', engines: ['4.9.7', '5.3.3'], bodySize: 1024, flushDiskType: 'ASYNC_FLUSH' }
const reads = ['pull', 'slice', 'decode', 'query']

export const workloads = [
  {
    ...common, name: 'append-128', title: 'append, 128 B', bodySize: 128, messages: 2_000_000, warmUpMessages: 2_000_000,
    flushDiskType: 'ASYNC_FLUSH', inFlight: 1, measures: ['append', ...reads],
  },
  {
    ...common, name: 'append-1024', title: 'append, 1 KiB', bodySize: 1024, messages: 850_000, warmUpMessages: 850_000,
    flushDiskType: 'ASYNC_FLUSH', inFlight: 1, measures: ['append', ...reads],
  },
  {
    ...common, name: 'put-1', title: 'put, 1 KiB, 1 in flight', bodySize: 1024, messages: 15_000, warmUpMessages: 5_000,
    flushDiskType: 'SYNC_FLUSH', inFlight: 1, measures: ['put'],
  },
  {
    ...common, name: 'put-64', title: 'put, 1 KiB, 64 in flight', bodySize: 1024, messages: 200_000, warmUpMessages: 50_000,
    flushDiskType: 'SYNC_FLUSH', inFlight: 64, measures: ['put'],
  },
  {
    ...common, name: 'recovery', title: 'open after a crash, 1 GiB of 1 KiB', bodySize: 1024, messages: 930_000,
    flushDiskType: 'ASYNC_FLUSH', image: 'crashed', measures: ['open'],
  },
  {
    ...common, name: 'recovery-128', title: 'open after a crash, 1 GiB of 128 B', bodySize: 128, messages: 4_200_000,
    flushDiskType: 'ASYNC_FLUSH', image: 'crashed', measures: ['open'],
  },
  {
    ...common, name: 'clean-open', title: 'open after a close, 64 segments', bodySize: 1024, messages: 930_000,
    flushDiskType: 'ASYNC_FLUSH', image: 'closed', settings: { mappedFileSizeCommitLog: 16 << 20 }, measures: ['open'],
  },
  {
    ...pair, name: 'replication-append', scenario: 'append', title: 'append, 1 KiB, asynchronous replication',
    messages: 850_000, warmUp: { messages: 850_000 }, measures: ['alone', 'attached', 'arrived', 'lagAtEnd', 'lagMax'],
  },
  {
    ...pair, name: 'replication-steady', scenario: 'append', title: 'append at 150,000 messages/s, 1 KiB, asynchronous replication',
    pace: 150_000, messages: 750_000, warmUp: { messages: 400_000 }, measures: ['alone', 'attached', 'arrived', 'lagAtEnd', 'lagMax'],
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

/**
 * The rows that a measure makes in the table, each with the figure of Java that it is held against, and with the `unit` of its figures if
 * they are no rates of messages: `time` for what happens once, `bytes`, `bytesPerSecond`, or `cost`, which is by how much less than `of` it is.
 */
export const rowsOf = {
  append: [
    { theirs: 'append', title: 'message in log, queue and index' },
    { theirs: 'undispatched', title: '(Java: in the log only)', needsJava: true },
  ],
  put: [{ theirs: 'put', title: 'acknowledged message' }],
  pull: [{ theirs: 'pull', title: 'pull 32 at a time: places (Java: with bytes)' }],
  slice: [{ theirs: 'pull', title: 'pull 32 at a time: with bytes, not copied' }],
  decode: [{ theirs: 'decode', title: 'pull 32 at a time: every field decoded' }],
  query: [{ theirs: 'query', title: 'query by key' }],
  open: [{ theirs: 'open', title: 'open (Java: load and start)', unit: 'time' }],
  alone: [{ theirs: 'alone', title: 'message in log, queue and index, without a slave' }],
  attached: [
    { theirs: 'attached', title: 'the same with a slave' },
    { theirs: 'attached', title: 'what the slave costs', unit: 'cost', of: 'alone' },
  ],
  arrived: [{ theirs: 'arrived', title: 'message on the slave' }],
  lagAtEnd: [{ theirs: 'lagAtEnd', title: 'slave behind, when all is appended', unit: 'bytes' }],
  lagMax: [{ theirs: 'lagMax', title: 'slave behind, at most', unit: 'bytes' }],
  asynchronous: [{ theirs: 'asynchronous', title: 'ASYNC_MASTER: acknowledged message' }],
  asynchronousArrived: [{ theirs: 'asynchronousArrived', title: 'ASYNC_MASTER: message on the slave' }],
  synchronous: [
    { theirs: 'synchronous', title: 'SYNC_MASTER: acknowledged message, on both' },
    { theirs: 'synchronous', title: 'SYNC_MASTER costs (the seeds: about 10 %)', unit: 'cost', of: 'asynchronous' },
    { theirs: 'synchronous', title: 'SYNC_MASTER costs, where all is to be on the slave', unit: 'cost', of: 'asynchronousArrived' },
  ],
  catchUp: [
    { theirs: 'catchUp', title: 'on the slave, in log, queues and index', unit: 'bytesPerSecond' },
    { theirs: 'catchUpUndispatched', title: '(Java: in the log only)', unit: 'bytesPerSecond', needsJava: true },
  ],
}

/** A workload in small, to see that it runs. */
export function smokeOf(workload) {
  const { program, gibibytes, image } = workload
  if (gibibytes !== undefined) return { ...workload, gibibytes: 2 ** -10, warmUp: { gibibytes: 2 ** -12 } }
  const small = { ...workload, messages: 2000, warmUpMessages: 200, queries: 100 }
  if (program === 'replication') return { ...small, warmUp: { messages: 200 } }
  return image === undefined ? small : { ...small, settings: { mappedFileSizeCommitLog: 1 << 20 } }
}
