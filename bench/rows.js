/**
 * The rows that a measure makes in the table: for each side its `figure`, which has the name of the measure unless another is given,
 * held against ours. Units: `rate` is of messages or calls, per second; `milliseconds`, `bytes` and `bytesPerSecond` are what they say; a
 * `share` is by how much less the figure is than that named by `of`, in the same round. `onlyTheirs` has no figure of ours, and is held
 * against the one named by `ours`.
 */
const latencies = [['p50', 'p50'], ['p95', 'p95'], ['p99', 'p99'], ['p99.9', 'p999'], ['longest', 'longest']].map(
  ([title, figure]) => ({ figure, title: `call to return: ${title}`, unit: 'milliseconds' }),
)

/** What a loop in C comes to that has to get its pages first, as everybody has. */
const withPages = (ours) => ({ figure: 'withPages', ours, title: '(in the log only, its pages made present ahead of it)', onlyTheirs: true })

const rowsOf = {
  append: [
    { title: 'message in log, queue and index' },
    { figure: 'undispatched', ours: 'append', title: '(in the log only)', onlyTheirs: true },
    withPages('append'),
  ],
  batch: [
    { title: 'message in log, queue and index' },
    { figure: 'undispatched', ours: 'batch', title: '(in the log only)', onlyTheirs: true },
    withPages('batch'),
  ],
  put: [{ title: 'acknowledged message' }, withPages('put'), ...latencies],
  steady: [
    { title: 'pace that was kept' },
    ...latencies,
    { figure: 'stall', title: 'longest time between two turns of the loop', unit: 'milliseconds' },
  ],
  pull: [{ title: 'pull 32 at a time: places (RocketMQ: with bytes)' }],
  slice: [{ figure: 'pull', ours: 'slice', title: 'pull 32 at a time: with bytes, not copied' }],
  decode: [{ title: 'pull 32 at a time: every field decoded' }],
  query: [{ title: 'query by key' }],
  lookup: [{ title: 'look up by message id, every field decoded' }],
  offsetByTime: [{ title: 'offset by time' }],
  open: [{ title: 'open (RocketMQ: load and start; C: reading the log)', unit: 'milliseconds' }],
  coldReader: [
    { figure: 'alone', title: 'append without a reader' },
    { figure: 'accompanied', title: 'the same with a reader of what is not in memory' },
    { figure: 'accompanied', title: 'what the reader costs', unit: 'share', of: 'alone' },
    { figure: 'readRate', title: 'message read meanwhile' },
    { figure: 'longestPull', title: 'longest pull of the reader', unit: 'milliseconds' },
  ],
  memory: [
    { figure: 'heapAtStart', title: 'heap after the first part, garbage collected', unit: 'bytes' },
    { figure: 'heapAtEnd', title: 'heap at the end', unit: 'bytes' },
    { figure: 'heapMost', title: 'heap, at most', unit: 'bytes' },
    { figure: 'residentMost', title: 'resident outside of the page cache, at most', unit: 'bytes' },
    { figure: 'garbage', title: 'garbage of an append, the message aside', unit: 'bytes' },
  ],
  growth: [
    { figure: 'early', title: 'append to the small store' },
    { figure: 'late', title: 'append to the large one' },
    { figure: 'late', title: 'what its size costs', unit: 'share', of: 'early' },
  ],
  alone: [{ title: 'message in log, queue and index, without a slave' }],
  attached: [
    { title: 'the same with a slave' },
    { title: 'what the slave costs', unit: 'share', of: 'alone' },
  ],
  arrived: [{ title: 'message on the slave' }],
  lagAtEnd: [{ title: 'slave behind, when all is appended', unit: 'bytes' }],
  lagMax: [{ title: 'slave behind, at most', unit: 'bytes' }],
  asynchronous: [{ title: 'ASYNC_MASTER: acknowledged message' }],
  asynchronousArrived: [{ title: 'ASYNC_MASTER: message on the slave' }],
  synchronous: [
    { title: 'SYNC_MASTER: acknowledged message, on both' },
    { title: 'SYNC_MASTER costs (the seeds: about 10 %)', unit: 'share', of: 'asynchronous' },
    { title: 'SYNC_MASTER costs, where all is to be on the slave', unit: 'share', of: 'asynchronousArrived' },
  ],
  catchUp: [
    { title: 'on the slave, in log, queues and index', unit: 'bytesPerSecond' },
    { figure: 'catchUpUndispatched', ours: 'catchUp', title: '(in the log only)', unit: 'bytesPerSecond', onlyTheirs: true },
  ],
}

/** @returns the rows of a workload, with nothing left to a default */
export function rowsOfWorkload({ measures }) {
  return measures.flatMap((measure) =>
    rowsOf[measure].map(({ figure = measure, ours = figure, unit = 'rate', ...row }) => ({ figure, ours, unit, ...row })),
  )
}
