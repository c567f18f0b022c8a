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
  open: [{ theirs: 'open', title: 'open (Java: load and start)', isTime: true }],
}

/** A workload in small, to see that it runs. */
export function smokeOf(workload) {
  const small = { ...workload, messages: 2000, warmUpMessages: 200, queries: 100 }
  return workload.image === undefined ? small : { ...small, settings: { mappedFileSizeCommitLog: 1 << 20 } }
}
