import { join } from 'node:path'
import { appendChannel, readChannel } from './channels'
import { MessageEncoder, assertMessage, type Refusal } from './commit-log/message-encoder'
import { Backups } from './backup/backups'
import type { StoreConfig } from './config/store-config'
import { Dispatchers, assertDispatchers } from './dispatch/dispatchers'
import { assertWhole, type Pressure, type StoreError } from './errors'
import { StoreEmitter } from './events'
import { DerivedFlush } from './flush/derived-flush'
import { FlushSchedule } from './flush/flush-schedule'
import { GroupCommit } from './flush/group-commit'
import { LogFlush } from './flush/log-flush'
import { decodeMessageId } from './format/message-id'
import { PropertyName } from './format/properties'
import { isQueued } from './format/record'
import type { StoredMessage } from './format/stored-message'
import { Admission } from './guard/admission'
import type { RunningFlags } from './guard/running-flags'
import { asStop, closed, stopped } from './guard/stop'
import { closeParts, finishParts, openStore, type StoreParts } from './open-store'
import type { ResolvedOptions, UnusedProperty } from './options/options'
import { PutResult } from './put-result'
import { Replication } from './replication/replication'
import { Retention } from './retention/retention'
import { Arrivals } from './read/arrivals'
import { EntryGuard } from './read/entry-guard'
import { MessageGetter } from './read/get'
import type { GetResult } from './read/get-result'
import { iterate } from './read/iterate'
import { LogReader } from './commit-log/log-reader'
import { queryByKey, type QueryContext } from './read/query'
import { QueueQueries } from './read/queue-queries'
import { MANIFEST_NAME } from './recovery/manifest'
import { ManifestWriter } from './recovery/manifest-writer'
import { QueueDeletion, beingDeleted } from './recovery/queue-deletion'
import { replayRecords } from './recovery/replay'
import type {
  BackupOptions, BackupResult, DiskVolume, GetRequest, Message, MessageBatch, OffsetByTimeRequest, OpenOptions, QueryRequest, QueryResult,
  QueueInfo, ReadRequest, RecoveryReport, StoreChannels,
} from './types'

/**
 * A message store in a directory, whose files are Apache RocketMQ's.
 *
 * A message goes one way: encoded into the commit log in place, dispatched to its queue and the index, flushed,
 * acknowledged. `append` returns once it is in the log; `put` once it is as durable as `flushDiskType` says.
 */
export class MessageStore extends StoreEmitter {
  /** Whether messages are taken and given, and if not, why. */
  readonly running: RunningFlags
  /** What is deleted, when and why. */
  readonly retention: Retention
  /** Master or slave, and those that follow it or the one that it follows. */
  readonly replication: Replication
  /** What a broker keeps beside the messages, in `config`: consumer offsets, and settings of topics and groups. */
  readonly config: StoreConfig
  readonly #parts: StoreParts
  readonly #encoder: MessageEncoder
  readonly #reader: LogReader
  readonly #getter: MessageGetter
  readonly #queryContext: QueryContext
  readonly #queueQueries: QueueQueries
  readonly #dispatchers: Dispatchers
  readonly #group: GroupCommit
  readonly #schedule: FlushSchedule
  readonly #manifest: ManifestWriter
  readonly #arrivals: Arrivals
  readonly #derived: DerivedFlush
  readonly #deletion: QueueDeletion
  readonly #admission: Admission
  readonly #backups: Backups
  readonly #growth: Replication['growth']
  readonly #isSync: boolean
  readonly #flushesWithWrite: boolean
  #failure: StoreError | undefined
  #closing: Promise<void> | undefined

  /**
   * Opens the store in `directory`, and makes it when there is none.
   *
   * @param directory takes the place of the option `storePathRootDir`
   * @throws ERR_LOCKED, ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION, ERR_UNKNOWN_PROPERTY, ERR_NOT_A_STORE, ERR_LOG_MISSING,
   *   ERR_SEGMENT_SIZE, ERR_UNSUPPORTED, ERR_BACKEND_UNAVAILABLE, ERR_OPEN_ABORTED, ERR_DISK_FULL, ERR_IO
   */
  static async open(directory: string, options?: OpenOptions): Promise<MessageStore>
  /** Opens the store whose directory the options, or the `properties` file, name. */
  static async open(options: OpenOptions): Promise<MessageStore>
  static async open(first: string | OpenOptions, second: OpenOptions = {}): Promise<MessageStore> {
    const [directory, options] = typeof first === 'string' ? [first, second] : [undefined, first]
    assertDispatchers(options.dispatchers ?? [])
    let store: MessageStore | undefined
    const early: { message: string; file: string }[] = []
    const parts = await openStore(directory, options, {
      onRoll: (segment) => {
        if (store === undefined) return
        store.#admission.hadRoom(segment.path)
        store.emit('roll', { file: segment.path, fromOffset: segment.fromOffset })
      },
      onWarning: (message, file) => {
        if (store === undefined) early.push({ message, file })
        else store.emit('warning', { message, file })
      },
      onFlushFailure: (error) => {
        if (store !== undefined) store.#fail(error)
      },
    })
    store = new MessageStore(parts, options)
    await store.#start(early)
    return store
  }

  private constructor(parts: StoreParts, { dispatchers = [], retention = {} }: OpenOptions) {
    super()
    const { options, log, queues, clock } = parts
    this.#parts = parts
    this.#isSync = options.flushDiskType === 'SYNC_FLUSH'
    this.#flushesWithWrite = this.#isSync || !options.flushCommitLogTimed
    this.#reader = new LogReader(log)
    this.#encoder = new MessageEncoder(
      { ...options, delayLevels: parts.delayLevels, recordSizeMax: log.recordSizeMax }, queues.topics,
    )
    const visibleOffset = (): number => this.visibleOffset
    const guard = new EntryGuard({
      ...parts,
      onDamage: (damage) => this.emit('damage', damage),
      onMended: (message, file) => this.emit('warning', { message, file }),
    })
    this.#getter = new MessageGetter(
      { log, queues, reader: this.#reader, guard, visibleOffset },
      { ...options, memoryBytes: parts.memoryBytes, get correctsOffset() { return options.brokerRole !== 'SLAVE' || options.offsetCheckInSlave } },
    )
    const { maxMsgsNumBatch, defaultQueryMaxNum, compatibility } = options
    this.#queryContext = { index: parts.index, reader: this.#reader, queues, visibleOffset, maxMsgsNumBatch, defaultQueryMaxNum }
    this.#queueQueries = new QueueQueries({ log, queues, reader: this.#reader, compatibility, visibleOffset })
    this.#dispatchers = new Dispatchers(dispatchers, this.#reader)
    this.#group = new GroupCommit(new LogFlush(parts), clock, {
      onFlushed: (from, to, milliseconds) => this.#onFlushed(from, to, milliseconds),
      onFailed: (error) => this.#fail(error),
    })
    this.#group.flushedOffset = log.maxOffset
    this.#manifest = new ManifestWriter({ backend: parts.backend, path: join(parts.directory, MANIFEST_NAME), log, queues, index: parts.index })
    this.#backups = new Backups({ parts, flush: () => this.flush(), holdFiles: () => this.retention.hold() })
    this.#arrivals = new Arrivals(visibleOffset, ({ topic, queueId }, maxOffset) => this.emit('arrival', { topic, queueId, maxOffset }))
    this.replication = new Replication({
      ...parts, group: this.#group, arrivals: this.#arrivals, dispatchers: this.#dispatchers,
      assertRunning: () => this.running.assertChangeable(),
      onWritten: () => this.#flushSoon(),
      lacked: (error) => this.#admission.lacked(error),
      failed: (error) => this.#fail(error),
      setSlave: (isSlave) => this.#admission.setSlave(isSlave),
      pressure: () => this.pressure(),
      emit: (name, event) => this.emit(name, event),
    })
    this.#growth = this.replication.growth
    this.#derived = new DerivedFlush({ log, queues, index: parts.index, checkpoint: parts.checkpoint }, {
      flushLog: () => this.#group.flush(),
      prepareManifest: () => this.#manifest.prepareIfDue(this.flushedOffset),
      hasFailed: () => this.#failure !== undefined,
      onFailed: (error) => this.#fail(error),
      onBacklog: (backlog) => this.#admission.noteBacklog(backlog, () => {
        this.#derived.write()
        return this.#derived.backlog
      }),
    }, compatibility === '5.3')
    this.#schedule = new FlushSchedule(clock, options, {
      unflushedBytes: () => log.maxOffset - this.#group.flushedOffset,
      flushLog: () => this.#group.start(),
      writeDerived: (leastBytes) => {
        this.#derived.write()
        this.#derived.syncLargest(leastBytes)
      },
      syncDerived: () => this.#derived.sync(),
    })
    this.#admission = new Admission({
      // With the next turn: those who open a store hear of the first look as well, and nobody is called from within a put.
      options, clock, meter: parts.disk, log, progress: this.#group, replicas: this.replication.acknowledgements,
      emit: (name, event) => setImmediate(() => this.emit(name, event)),
    })
    this.running = this.#admission.flags
    this.config = parts.config
    this.#deletion = new QueueDeletion({
      ...parts, manifest: this.#manifest,
      flushLog: () => this.#group.flush(),
      betweenFlushes: (work) => this.#derived.between(work),
      onFailed: (error) => this.#fail(error),
    })
    this.retention = new Retention({
      ...parts,
      retention,
      flushedOffset: () => this.flushedOffset,
      flush: () => this.#derived.sync(),
      betweenFlushes: (work) => this.#derived.between(work),
      lacksRoom: () => this.#admission.lacksRoom,
      assertChangeable: () => this.running.assertChangeable(),
      hasFailed: () => this.#failure !== undefined,
      onFailed: (error) => this.#fail(error),
      emit: (name, event) => this.emit(name, event),
    })
    this.on('deletion', () => {
      this.#admission.noteDeletion()
      this.#growth.note()
    })
  }

  // Writing

  /**
   * Stores a message and returns at once. It is in the log, in its queue and in the index; it survives the end of the
   * process, and a power cut once it has been flushed.
   *
   * @throws ERR_DISK_FULL, ERR_NOT_WRITABLE, ERR_STORE_CLOSED, ERR_READ_ONLY, ERR_FLUSH_FAILED, ERR_FILE_REPLACED, ERR_DISPATCHER_FAILED,
   *   ERR_INVALID_ARGUMENT; once the store has stopped, the code with which it did
   */
  append(message: Message): PutResult {
    return this.#append(message, false)
  }

  /** {@link append} for messages that are stored next to each other, or not at all. */
  appendBatch(batch: MessageBatch): PutResult {
    return this.#appendBatch(batch, false)
  }

  /**
   * Stores a message and waits as `flushDiskType` and `brokerRole` say; with the property WAIT=false it does not wait.
   * A result with status PUT_OK is the acknowledgement.
   *
   * @throws what {@link append} throws
   */
  async put(message: Message): Promise<PutResult> {
    const waits = message?.properties?.[PropertyName.WAIT] !== 'false'
    return this.#acknowledged(this.#append(message, waits), waits)
  }

  /** {@link put} for messages that are stored next to each other, or not at all. */
  async putBatch(batch: MessageBatch): Promise<PutResult> {
    const waits = batch?.properties?.[PropertyName.WAIT] !== 'false'
    return this.#acknowledged(this.#appendBatch(batch, waits), waits)
  }

  #append(message: Message, waits: boolean): PutResult {
    const refusal = this.#refusal(waits)
    assertMessage(message)
    const now = this.#parts.clock.now()
    return this.#published(message, this.#write(refusal ?? this.#encoder.prepare(message, now), now))
  }

  #appendBatch(batch: MessageBatch, waits: boolean): PutResult {
    const refusal = this.#refusal(waits)
    assertMessage(batch)
    const now = this.#parts.clock.now()
    return this.#published(batch, this.#write(refusal ?? this.#encoder.prepareBatch(batch, now), now))
  }

  #refusal(waits: boolean): Refusal | undefined {
    const refusal = this.running.bits === 0 ? undefined : this.running.objectionToWrite()
    return waits ? refusal ?? this.replication.acknowledgements.objection() : refusal
  }

  #write(refusal: Refusal | undefined, now: number): PutResult {
    if (refusal !== undefined) return PutResult.refused(refusal)
    const { log, queues, dispatch } = this.#parts
    const { records, count, totalSize, topic, queueId } = this.#encoder
    if (topic.ending?.has(queueId) === true) return PutResult.refused(beingDeleted)
    this.#makeRoom(totalSize)
    const queue = queues.findOrCreate(topic, queueId)
    const { maxOffset } = queue
    try {
      for (let index = 0; index < count; index++) {
        const record = records[index]!
        record.physicalOffset = log.maxOffset
        record.queueOffset = isQueued(record.sysFlag) ? queue.maxOffset : 0
        record.storeTimestamp = now
        log.append(record)
        const tagsCode = dispatch.written(record, topic, queue)
        if (!this.#dispatchers.isEmpty) this.#dispatchers.written(record, topic, tagsCode)
      }
    } catch (error) {
      // The record is in the log and something behind it failed: only a recovery can say what has what.
      throw this.#fail(error as Error)
    }
    this.#arrivals.note(queue, maxOffset)
    this.#growth.note()
    if (this.#flushesWithWrite) this.#flushSoon()
    return PutResult.stored(records, count, totalSize)
  }

  #flushSoon(): void {
    if (this.#isSync) this.#group.start()
    else if (this.#flushesWithWrite) this.#schedule.flushLog()
  }

  #published(message: Message | MessageBatch, result: PutResult): PutResult {
    if (appendChannel.hasSubscribers) appendChannel.publish({ store: this, message, result } satisfies StoreChannels['mqstore:append'])
    return result
  }

  #acknowledged(result: PutResult, waits: boolean): PutResult | Promise<PutResult> {
    return waits && result.isStored() ? this.replication.acknowledgements.waitFor(result) : result
  }

  // Reading

  /** Reads messages of a queue by the engine's rules; never waits. @throws ERR_STORE_CLOSED, ERR_NOT_READABLE, ERR_INVALID_ARGUMENT */
  get(request: GetRequest): GetResult {
    this.running.assertReadable()
    const result = this.#getter.get(request)
    if (readChannel.hasSubscribers) readChannel.publish({ store: this, request, result } satisfies StoreChannels['mqstore:read'])
    return result
  }

  /** The messages of a queue from an offset on, and, unless `follow` is false, those still to come. Ends when the store closes. */
  read(request: ReadRequest): AsyncGenerator<StoredMessage, void, void> {
    this.#assertOpen()
    return iterate({
      get: (next) => this.get(next),
      arrival: (topic, queueId, signal) => this.#arrivals.wait(topic, queueId, signal),
      isClosed: () => this.#closing !== undefined,
      deletedUpTo: (topic, queueId) => this.#parts.queues.deletedUpTo(topic, queueId),
    }, request)
  }

  /**
   * The message with this id, or at this commit log offset; undefined when the log no longer, or not yet, holds it.
   * @throws ERR_CORRUPT where no message begins there, ERR_INVALID_ARGUMENT for what is not an id
   */
  lookup(msgIdOrOffset: string | number): StoredMessage | undefined {
    this.running.assertReadable()
    const offset = typeof msgIdOrOffset === 'number' ? msgIdOrOffset : decodeMessageId(msgIdOrOffset)
    assertWhole('a commit log offset', offset)
    return offset < this.visibleOffset ? this.#reader.messageAt(offset) : undefined
  }

  /** Finds messages by key: the newest `max` of them, by ascending commit log offset. */
  query(request: QueryRequest): QueryResult {
    this.running.assertReadable()
    return queryByKey(this.#queryContext, request)
  }

  /** The queue offset for a store time, see {@link OffsetByTimeRequest}; 0 for an unknown queue. */
  offsetByTime(request: OffsetByTimeRequest): number {
    this.#assertOpen()
    return this.#queueQueries.offsetByTime(request)
  }

  /** Every queue, topics and then queue ids in the order of their UTF-16 texts. */
  queues(): QueueInfo[] {
    this.#assertOpen()
    return this.#queueQueries.all()
  }

  /** The first offset of a queue, 0 for an unknown one. */
  minOffset(topic: string, queueId: number): number {
    this.#assertOpen()
    return this.#queueQueries.minOffset(topic, queueId)
  }

  /** One past the last visible offset of a queue, 0 for an unknown one. */
  maxOffset(topic: string, queueId: number): number {
    this.#assertOpen()
    return this.#queueQueries.maxOffset(topic, queueId)
  }

  /** Store time of a message in milliseconds, -1 when there is none at this place. */
  storeTimestamp(topic: string, queueId: number, offset: number): number {
    this.#assertOpen()
    return this.#queueQueries.storeTimestamp(topic, queueId, offset)
  }

  /** Store time of the first message of a queue, or of the log; -1 when there is none. */
  earliestMessageTime(topic?: string, queueId = 0): number {
    if (topic !== undefined) return this.storeTimestamp(topic, queueId, this.minOffset(topic, queueId))
    this.#assertOpen()
    return this.minPhyOffset < this.maxPhyOffset ? this.#reader.storeTimestamp(this.minPhyOffset) : -1
  }

  // Watermarks: offsets in the commit log, in bytes

  /** The first byte that is kept. */
  get minPhyOffset(): number {
    return this.#parts.log.minOffset
  }

  /** Behind the last message. */
  get maxPhyOffset(): number {
    return this.#parts.log.maxOffset
  }

  /** Everything below is on disk. */
  get flushedOffset(): number {
    return this.#group.flushedOffset
  }

  /** Everything below is as durable as `flushDiskType` promises, and on as many replicas as `put` waits for. */
  get confirmOffset(): number {
    return Math.min(this.#isSync ? this.flushedOffset : this.maxPhyOffset, this.replication.acknowledgements.replicatedOffset)
  }

  /** Readers see messages below this offset, by the option `visibility`. */
  get visibleOffset(): number {
    const { visibility, compatibility, readOnly } = this.#parts.options
    if (readOnly || visibility === 'written') return this.maxPhyOffset
    if (visibility === 'confirmed') return this.confirmOffset
    return visibility === 'flushed' || (compatibility === '5.3' && this.#isSync) ? this.flushedOffset : this.maxPhyOffset
  }

  // About the store

  /** Absolute path of the directory. */
  get directory(): string {
    return this.#parts.directory
  }

  /** Every option with the value that holds; sizes are those of the files. */
  get options(): Readonly<ResolvedOptions> {
    return this.#parts.options
  }

  /** What the properties file says and the store does not use, with the reason. */
  get unusedProperties(): readonly UnusedProperty[] {
    return this.#parts.unusedProperties
  }

  /** `native` or `mmap-io`. */
  get backend(): string {
    return this.#parts.backend.name
  }

  /** @internal The time, as the store has it. */
  get clock(): StoreParts['clock'] {
    return this.#parts.clock
  }

  /** What the open found and did. */
  get recovery(): RecoveryReport {
    return this.#parts.recovery
  }

  /** Why the store no longer acknowledges, undefined while it does. */
  get failure(): StoreError | undefined {
    return this.#failure
  }

  /** What holds up messages now, the worst first; nothing while all is well. */
  pressure(): Pressure[] {
    return this.#admission.pressure
  }

  /** How much room the volumes have on which the store lies, as of the last look, which is a second ago at most. */
  get volumes(): DiskVolume[] {
    return this.#admission.volumes
  }

  // Deleting

  /**
   * Deletes the queues of a topic, and what `config` has of it. The messages are no longer found by `get`, `read`, `query` and by
   * time; by id they are, until retention deletes their file. A later put begins a new queue at offset 0, and one that comes
   * while the deletion is under way is refused with SERVICE_NOT_AVAILABLE. @returns how many queues there were
   *
   * @throws ERR_DISK_FULL when nothing could be deleted, ERR_STORE_CLOSED, ERR_READ_ONLY, ERR_FLUSH_FAILED, ERR_CORRUPT for `topics.json`
   */
  async deleteTopic(topic: string): Promise<number> {
    this.running.assertChangeable()
    return this.#deletion.deleteTopic(topic)
  }

  /** {@link deleteTopic} for a single queue; the settings of the topic stay. @returns whether it was there */
  async deleteQueue(topic: string, queueId: number): Promise<boolean> {
    this.running.assertChangeable()
    return this.#deletion.deleteQueue(topic, queueId)
  }

  // Flushing and closing

  /**
   * Resolves once everything written before the call is on disk, queues and index as well.
   *
   * @throws ERR_FLUSH_FAILED, ERR_FILE_REPLACED; ERR_DISK_FULL when there was no room for queues or index: the messages are on disk then
   */
  async flush(): Promise<void> {
    this.#assertOpen()
    if (this.#parts.options.readOnly) return
    await this.#group.flush()
    await this.#derived.sync()
    const error = this.#failure ?? this.#derived.backlog
    if (error !== undefined) throw error
  }

  /**
   * Copies the store, which goes on working, to `directory`, where it can be opened as a store that was closed in order: with every
   * message that was acknowledged before the call. Files that nobody writes to any more are shared with the copy, by a second name,
   * where both are on one file system. A backup that is there already is replaced once the new one is whole.
   *
   * @param directory empty or not there yet, or a backup of this store; `directory.unfinished` and `directory.previous` are needed meanwhile
   * @throws ERR_BACKUP_TARGET, ERR_READ_ONLY, ERR_STORE_CLOSED, ERR_DISK_FULL, ERR_FLUSH_FAILED, ERR_FILE_REPLACED, ERR_IO; the signal's reason
   */
  backup(directory: string, options: BackupOptions = {}): Promise<BackupResult> {
    return this.#backups.make(directory, options)
  }

  /**
   * Flushes, removes the mark of an unclean stop and gives the directory back. Iterations end, later calls throw
   * ERR_STORE_CLOSED. Idempotent.
   *
   * @throws ERR_FLUSH_FAILED, ERR_DISK_FULL when not all could be flushed; the store is closed all the same
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    const { options, directory } = this.#parts
    this.running.raise('CLOSED', () => {
      throw closed(directory)
    })
    this.#schedule.stop()
    this.#admission.stop()
    this.#arrivals.close()
    await this.#backups.close()
    await this.retention.stop()
    await this.replication.close()
    try {
      if (options.readOnly || this.#failure !== undefined) return
      await this.#group.flush()
      await this.#derived.sync()
      if (this.#failure !== undefined) throw this.#failure
      // The mark stays: the next open makes what is missing from the log.
      if (this.#derived.backlog !== undefined) throw this.#derived.backlog
      await finishParts(this.#parts, this.#manifest)
    } finally {
      await this.#group.settle()
      await this.#derived.settle()
      await closeParts(this.#parts)
      this.emit('closed', {})
    }
  }

  async #start(warnings: readonly { message: string; file: string }[]): Promise<void> {
    const { log, queues, backend, pause, options } = this.#parts
    try {
      const crc32 = backend.crc32.bind(backend)
      await replayRecords({ log, queues, reader: this.#reader, dispatchers: this.#dispatchers, crc32, pause })
    } catch (error) {
      this.#fail(error as Error)
      await this.close()
      throw error
    }
    if (!options.readOnly) this.#schedule.start()
    this.retention.start()
    this.#admission.start()
    // Listeners are there from the next turn on.
    setImmediate(() => {
      for (const warning of warnings) this.emit('warning', warning)
      for (const damage of this.recovery.damage) this.emit('damage', damage)
      this.emit('recovered', this.recovery)
      if (!options.readOnly) this.replication.warnOfNoReplicas()
    })
  }

  #onFlushed(from: number, to: number, milliseconds: number): void {
    this.#arrivals.schedule()
    if (this.hasListeners('flush')) this.emit('flush', { from, to, milliseconds })
  }

  /** Room for the next records, before anything of them is written. */
  #makeRoom(size: number): void {
    try {
      this.#parts.log.makeRoom(size)
      this.#parts.index?.makeRoom()
    } catch (error) {
      if ((error as StoreError).code !== 'ERR_DISK_FULL') throw this.#fail(error as Error)
      throw this.#admission.lacked(error as StoreError)
    }
  }

  /** The first failure ends acknowledgements; reading goes on. */
  #fail(cause: Error): StoreError {
    if (this.#failure !== undefined) return this.#failure
    const error = asStop(cause)
    this.#failure = error
    this.running.raise('FAILED', () => {
      throw stopped(error.code, error)
    })
    this.#group.fail(error)
    this.replication.acknowledgements.fail(error)
    this.emit('failed', { error })
    return error
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw closed(this.directory)
  }
}
