import { join } from 'node:path'
import { StoreError } from '../errors'
import type { ConsumeQueues } from '../consume-queue/consume-queues'
import { allEnded } from '../storage/all-ended'
import type { Clock, FileSystem } from '../storage/ports'
import { whereThereIsRoom } from '../storage/where-there-is-room'
import { ConfigFile } from './config-file'
import type { ConfigContext, ConfigTable } from './config-table'
import { ConsumerOffsets } from './consumer-offsets'
import { DelayOffsets } from './delay-offsets'
import { SettingsTable, groupSettings, topicSettings, type GroupSettings, type TopicSettings } from './settings'
import { oldestUnconsumed, type UnconsumedMessage } from './slowest-reader'

export interface StoreConfigContext {
  files: FileSystem
  clock: Clock
  /** `…/config` */
  directory: string
  compatibility: '4.9' | '5.3'
  readOnly: boolean
  queues: ConsumeQueues
  /** Commit log offset; what lies before it is gone. */
  logMinOffset(): number
  /** Milliseconds from a change to the disk. */
  interval: number
  warn(message: string, file: string): void
}

/**
 * The files in `config` that the engine's broker keeps beside the store. Each is read when it is first asked for, and left alone
 * where it is not; whoever keeps them otherwise does not ask.
 */
export class StoreConfig {
  readonly #context: StoreConfigContext
  readonly #open = new Map<string, ConfigTable>()
  #cancelTimer: (() => void) | undefined
  #isClosed = false

  constructor(context: StoreConfigContext) {
    this.#context = context
  }

  /** How far each group has read. @throws ERR_CORRUPT where neither `consumerOffset.json` nor its `.bak` can be read */
  get consumerOffsets(): ConsumerOffsets {
    return this.#table('consumerOffset.json', (file, context) => new ConsumerOffsets(file, context))
  }

  /** What topics there are, and their settings. @throws ERR_CORRUPT where neither `topics.json` nor its `.bak` can be read */
  get topics(): SettingsTable<TopicSettings> {
    return this.#table('topics.json', (file, context) => new SettingsTable(file, context, topicSettings))
  }

  /** The settings of groups. @throws ERR_CORRUPT where neither `subscriptionGroup.json` nor its `.bak` can be read */
  get groups(): SettingsTable<GroupSettings> {
    return this.#table('subscriptionGroup.json', (file, context) => new SettingsTable(file, context, groupSettings))
  }

  /** How far delayed messages have been delivered. @throws ERR_CORRUPT where neither `delayOffset.json` nor its `.bak` can be read */
  get delayOffsets(): DelayOffsets {
    return this.#table('delayOffset.json', (file, context) => new DelayOffsets(file, context))
  }

  /**
   * The first message of the log that some group of {@link consumerOffsets} has yet to read: nothing before it is waited for.
   * Undefined where all have been read, or nobody reads.
   */
  oldestUnconsumed(): UnconsumedMessage | undefined {
    const { queues, logMinOffset } = this.#context
    return oldestUnconsumed(queues, this.consumerOffsets, logMinOffset())
  }

  /** Resolves once all changes made before the call are on the disk. @throws ERR_DISK_FULL, ERR_IO */
  async persist(): Promise<void> {
    // A file that cannot be written keeps no other from the disk.
    await allEnded(Array.from(this.#open.values(), (table) => table.persist()))
  }

  /** @internal Takes a topic that is deleted out of what is kept. */
  async forgetTopic(topic: string): Promise<void> {
    if (!this.#has('topics.json') || !this.topics.delete(topic)) return
    await this.topics.persist()
  }

  /**
   * @internal Takes queues that are deleted out of what is kept: those that come after them begin at 0. A file that cannot be
   * read has nothing of them; one that cannot be written for want of room is so later.
   */
  async forgetOffsets(places: readonly { topic: string; queueId?: number }[]): Promise<void> {
    if (places.length === 0 || !this.#has('consumerOffset.json')) return
    try {
      for (const { topic, queueId } of places) this.consumerOffsets.forgetTopic(topic, queueId)
    } catch (error) {
      if ((error as StoreError).code === 'ERR_CORRUPT') return
      throw error
    }
    await whereThereIsRoom(this.consumerOffsets.persist())
  }

  /** @internal Nothing is changed any more, and all that was goes to the disk. */
  finish(): Promise<void> {
    this.close()
    return this.persist()
  }

  /** @internal What is not on the disk stays off it. */
  close(): void {
    this.#isClosed = true
    this.#cancelTimer?.()
  }

  /** Whether there is anything of the kind: for what is not kept nothing is made. */
  #has(name: string): boolean {
    const path = join(this.#context.directory, name)
    return this.#open.has(name) || [path, `${path}.bak`].some((file) => this.#context.files.status(file) !== undefined)
  }

  #table<Table extends ConfigTable>(name: string, make: (file: ConfigFile, context: ConfigContext) => Table): Table {
    const known = this.#open.get(name)
    if (known !== undefined) return known as Table
    const { files, directory, clock, compatibility } = this.#context
    const table = make(new ConfigFile(files, directory, name), { clock, compatibility, onChange: () => this.#beginChange() })
    this.#open.set(name, table)
    return table
  }

  #beginChange(): void {
    const { directory, readOnly } = this.#context
    if (this.#isClosed) throw new StoreError('ERR_STORE_CLOSED', `the store is closed: what is in ${directory} can no longer be changed`)
    if (readOnly) throw new StoreError('ERR_READ_ONLY', `the store was opened with readOnly: what is in ${directory} cannot be changed`)
    this.#startTimer()
  }

  #startTimer(): void {
    const { clock, interval } = this.#context
    this.#cancelTimer ??= clock.startTimer(interval, () => void this.#persistInBackground())
  }

  /** What cannot be written now is tried again: the change stays in memory. */
  async #persistInBackground(): Promise<void> {
    this.#cancelTimer = undefined
    try {
      await this.persist()
    } catch (error) {
      this.#context.warn(`${(error as Error).message}. It is tried again`, this.#context.directory)
      if (!this.#isClosed) this.#startTimer()
    }
  }
}
