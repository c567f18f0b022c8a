/** A bug to plant: `from`, which stands once in the compiled file, becomes `to`. */
export interface Mutant {
  name: string
  /** Below lib/, compiled. */
  file: string
  from: string
  to: string
  /** Who has to notice: so many cases of a layer, or a test file. */
  killedBy: { layer: string; cases: number } | { test: string }
}

const inSimulation = (cases: number): Mutant['killedBy'] => ({ layer: 'crash-states', cases })
const inImages = (cases: number): Mutant['killedBy'] => ({ layer: 'damaged-images', cases })

const inReplication = (cases: number): Mutant['killedBy'] => ({ layer: 'replication', cases })

export const mutants: readonly Mutant[] = [
  // Durability
  {
    name: 'no-flush', file: 'storage/segment.js',
    from: 'await this.mapping.flush(from - this.fromOffset, to - this.fromOffset);', to: '', killedBy: inSimulation(1000),
  },
  {
    name: 'acknowledged-before-the-flush', file: 'flush/group-commit.js',
    from: 'if (offset <= this.flushedOffset)', to: 'this.start(); if (true)', killedBy: inSimulation(1000),
  },
  {
    name: 'acknowledged-what-came-during-the-flush', file: 'flush/group-commit.js',
    from: 'this.flushedOffset = to;', to: 'this.flushedOffset = this.#log.maxOffset;', killedBy: inSimulation(3000),
  },
  {
    name: 'flush-error-ignored', file: 'flush/group-commit.js',
    from: 'await this.#log.flush(from, to);', to: 'await this.#log.flush(from, to).catch(() => {});', killedBy: { test: 'flush/durability' },
  },
  {
    name: 'flush-retried', file: 'flush/group-commit.js',
    from: 'await this.#log.flush(from, to);', to: 'await this.#log.flush(from, to).catch(() => this.#log.flush(from, to));',
    killedBy: { layer: 'errors', cases: 600 },
  },
  {
    name: 'puts-go-on-after-a-failure', file: 'store.js',
    from: 'throw (0, stop_1.stopped)(error.code, error);', to: ';', killedBy: { test: 'flush/durability' },
  },
  {
    name: 'no-directory-sync', file: 'storage/segment.js',
    from: 'await this.#backend.files.syncDirectory((0, node_path_1.dirname)(this.path));', to: '', killedBy: inSimulation(3000),
  },
  {
    name: 'checkpoint-before-the-queues', file: 'flush/derived-flush.js',
    from: 'await queues.sync();',
    to: 'checkpoint.fields.physicMsgTimestamp = checkpoint.fields.logicsMsgTimestamp = timestamp; await checkpoint.write(); await queues.sync();',
    killedBy: inSimulation(40_000),
  },
  {
    name: 'not-flushed-after-recovery', file: 'recovery/recover.js',
    from: 'await log.flush(from, Math.max(to, log.maxOffset));', to: ';', killedBy: inSimulation(3000),
  },
  {
    name: 'no-abort-file', file: 'open-store.js',
    from: 'abortMarker.write();', to: '', killedBy: inSimulation(1000),
  },
  // What an open believes
  {
    name: 'no-crc', file: 'recovery/record-check.js',
    from: "return this.#options.checkCRC ? this.#checkCRC(bytes, view, position) : 'record';", to: "return 'record';", killedBy: inSimulation(3000),
  },
  {
    name: 'own-offset-not-looked-at', file: 'recovery/record-check.js',
    from: 'if (own !== offset)', to: 'if (false)', killedBy: inImages(30_000),
  },
  {
    name: 'queues-made-before-the-log-has-its-name', file: 'consume-queue/consume-queues.js',
    from: '!this.#context.readOnly && this.#logIsOnDisk()', to: '!this.#context.readOnly', killedBy: { test: 'recovery/power-loss' },
  },
  {
    name: 'queues-made-under-a-checkpoint-that-vouches-for-them', file: 'recovery/recover.js',
    from: 'if (findVouched(context, scanStart, segments.length - 1) > scanStart)', to: 'if (false)', killedBy: { test: 'recovery/writing-early' },
  },
  {
    name: 'queues-made-in-the-files-of-a-backup', file: 'recovery/recover.js',
    from: 'await queue.files.makeOwn(queue.maxOffset);', to: ';', killedBy: { test: 'recovery/writing-early' },
  },
  {
    name: 'tail-not-zeroed', file: 'recovery/recover.js',
    from: '(0, zeros_1.writeZeros)(backend.files, last.descriptor, range.from, range.to);', to: ';', killedBy: inSimulation(10_000),
  },
  {
    name: 'stale-entries-left-in-queues', file: 'consume-queue/consume-queue.js',
    from: 'this.files.clearFrom(this.#count);', to: ';', killedBy: { test: 'consume-queue/consume-queue' },
  },
  {
    name: 'queue-ends-trusted', file: 'recovery/recover.js',
    from: 'while (end > 0 && !isRightEnd(log, check, queue, end - 1))', to: 'while (false)', killedBy: inImages(30_000),
  },
  {
    name: 'entries-followed-blindly', file: 'read/entry-guard.js',
    from: 'return index >= queue.madeFrom ||', to: 'return true ||', killedBy: inImages(30_000),
  },
  {
    name: 'damage-taken-for-the-end', file: 'recovery/recover.js',
    from: 'if (offset < flushedUpTo ||', to: 'if (', killedBy: inImages(30_000),
  },
  {
    name: 'signed-topic-length', file: 'format/record.js',
    from: 'wide ? view.getInt16(topicLengthAt) : view.getInt8(topicLengthAt);', to: 'view.getInt8(topicLengthAt + (wide ? 1 : 0));',
    killedBy: { test: 'format/record' },
  },
  {
    name: 'wrong-blank-size', file: 'format/record.js',
    from: 'view.setInt32(position, remaining);', to: 'view.setInt32(position, remaining - 8);', killedBy: { test: 'commit-log/segments' },
  },
  {
    name: 'index-chains-without-bound', file: 'index-file/index-file.js',
    from: 'entry > 0 && entry < bound ?', to: 'entry > 0 && entry < this.indexCount ?', killedBy: { test: 'index-file/index-file' },
  },
  // The process and its neighbours
  {
    name: 'lock-dropped', file: 'storage/directory-lock.js',
    from: 'if (holder !== undefined)', to: 'if (false)', killedBy: { test: 'store/lock' },
  },
  {
    name: 'fault-mark-ignored', file: 'storage/segment.js',
    from: 'return this.#mapping?.findFault?.(from, to);', to: 'return undefined;', killedBy: { test: 'store/cut-files' },
  },
  {
    name: 'deletion-not-noted', file: 'recovery/queue-deletion.js',
    from: 'await manifest.writeDeleted(noted);', to: '', killedBy: { test: 'store/delete-crash' },
  },
  {
    name: 'interrupted-deletion-left-as-it-is', file: 'open-store.js',
    from: 'await queues.remove(queues.leftovers);', to: ';', killedBy: { test: 'store/delete-crash' },
  },
  {
    name: 'config-not-flushed', file: 'storage/whole-file.js',
    from: 'await files.sync(descriptor);', to: '', killedBy: { test: 'config/crash' },
  },
  {
    name: 'segment-left-behind-on-a-full-disk', file: 'commit-log/segment-supply.js',
    from: 'this.#backend.files.remove(segment.path);', to: ';', killedBy: { test: 'commit-log/segments' },
  },
  // Master and slave
  {
    name: 'acknowledged-without-a-replica', file: 'replication/acknowledgements.js',
    from: 'this.#waitForReplicas(end) : false;', to: 'true : false;', killedBy: inReplication(300),
  },
  {
    name: 'late-replica-taken-for-one-in-time', file: 'replication/acknowledgements.js',
    from: 'if (!isReplicated)', to: 'if (false)', killedBy: { test: 'replication/policies' },
  },
  {
    name: 'one-replica-of-two-is-enough', file: 'replication/acknowledgements.js',
    from: 'replicas.offsetOf(wanted - 1)', to: 'replicas.offsetOf(1)', killedBy: inReplication(300),
  },
  {
    name: 'new-slave-acknowledges-what-it-never-gets', file: 'replication/acknowledgements.js',
    from: 'this.#beginWithLastFile();', to: ';', killedBy: { test: 'replication/policies' },
  },
  {
    name: 'slave-acknowledges-what-is-announced', file: 'replication/ha/master-connection.js',
    from: 'this.#masterOffset = offset + bodySize;', to: 'this.#masterOffset = this.#due = offset + bodySize;', killedBy: inReplication(300),
  },
  {
    name: 'slave-acknowledges-before-its-flush', file: 'replication/ha/master-connection.js',
    from: 'if (!this.#context.options.haAcknowledgeAfterFlush)', to: 'if (true)', killedBy: inReplication(300),
  },
  {
    name: 'slave-asks-for-nothing-that-it-has', file: 'replication/ha/master-connection.js',
    from: 'Math.max(1, log.resumeOffset)', to: 'log.maxOffset', killedBy: inReplication(300),
  },
  {
    name: 'overlap-not-compared', file: 'replication/log-intake.js',
    from: 'if (same < length)', to: 'if (false)', killedBy: inReplication(300),
  },
  {
    name: 'shorter-log-of-the-master-unnoticed', file: 'replication/ha/master-connection.js',
    from: 'if (offset >= this.#ownEnd)', to: 'if (true)', killedBy: inReplication(300),
  },
  {
    name: 'slave-believed-what-it-says-first', file: 'replication/ha/replica-connection.js',
    from: 'Math.min(offset, Math.max(1, startOffset))', to: 'offset', killedBy: { test: 'replication/ha/replica-connection' },
  },
  {
    name: 'slave-reports-what-is-not-compared-yet', file: 'replication/ha/master-connection.js',
    from: 'if (!this.#isComparing)\n                this.#sendReport();', to: 'this.#sendReport();', killedBy: { test: 'replication/ha/slave' },
  },
  {
    name: 'number-of-a-queue-given-twice-unnoticed', file: 'dispatch/queue-placement.js',
    from: 'if (claimed <= 0 ||', to: 'if (true ||', killedBy: { test: 'replication/store-log' },
  },
  {
    name: 'block-given-its-places-unseen', file: 'dispatch/record-dispatch.js',
    from: 'runs.queueOffset(run) === queue.maxOffset', to: 'true', killedBy: { test: 'dispatch/found-all' },
  },
  {
    name: 'slave-does-not-cut-back', file: 'replication/ha/slave.js',
    from: 'this.#context.log.cutBack();', to: ';', killedBy: inReplication(300),
  },
  {
    name: 'slave-gives-up-at-a-full-disk', file: 'replication/ha/slave.js',
    from: "new Set(['ERR_DISK_FULL', ", to: 'new Set([', killedBy: inReplication(300),
  },
  {
    name: 'silent-master-not-given-up', file: 'replication/ha/silence-guard.js',
    from: 'if (!this.#isStopped && this.#timer.isIdle)', to: 'if (false)', killedBy: { test: 'replication/ha/replica-connection' },
  },
]
