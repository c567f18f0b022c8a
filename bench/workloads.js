/**
 * What is measured. Both sides do `measures` in turn on one store, each for all of `messages`, `query` for `queries`
 * keys; before that, the same on another store with `warmUpMessages`. Every message has a tag and one key.
 *
 * The warm-up of the large ones is as large as what is measured, for the sake of the machine's memory: where a host
 * takes free pages back, the first touch of a page costs several times as much as that of one just freed.
 */
const common = { topics: 8, queues: 4, queries: 20_000 }
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
]

/** The rows that a measure makes in the table, each with the figure of Java that it is held against. */
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
}

/** A workload in small, to see that it runs. */
export function smokeOf(workload) {
  return { ...workload, messages: 2000, warmUpMessages: 200, queries: 100 }
}
