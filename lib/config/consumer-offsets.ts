import { StoreError, assertWhole } from '../errors'
import type { JsonObject, JsonValue } from '../format/engine-json'
import type { ConfigFile } from './config-file'
import { ConfigTable, versionFor, type ConfigContext } from './config-table'

/** Stands between topic and group in the file; neither has one. */
const SEPARATOR = '@'

/** A reader's place: which group, in which queue. */
export interface ConsumerPlace {
  topic: string
  queueId: number
  group: string
}

/**
 * How far each group has read each queue, in `config/consumerOffset.json`: the offset of the next message that it wants. The
 * engine's brokers keep the file in the same way. Changes are in memory at once and on the disk a little later, see
 * {@link ConfigTable.persist}.
 */
export class ConsumerOffsets extends ConfigTable {
  readonly #compatibility: ConfigContext['compatibility']
  /** By `topic@group`, then by queue id. */
  readonly #table: Map<string, JsonObject> = new Map()
  readonly #groupsByTopic = new Map<string, Map<string, JsonObject>>()

  constructor(file: ConfigFile, context: ConfigContext) {
    super(file, context)
    this.#compatibility = context.compatibility
    for (const [key, offsets] of this.member('offsetTable')) {
      if (offsets instanceof Map) this.#add(String(key), new Map(Array.from(offsets, ([queueId, offset]) => [Number(queueId), offset])))
    }
  }

  /** The offset of the next message that the group wants; undefined where it has said nothing. */
  get({ topic, queueId, group }: ConsumerPlace): number | undefined {
    const offset = this.#groupsByTopic.get(topic)?.get(group)?.get(queueId)
    return offset === undefined ? undefined : Number(offset)
  }

  /** The group has read the queue up to `offset`, which is the one it wants next. @throws ERR_INVALID_ARGUMENT */
  commit({ topic, queueId, group, offset }: ConsumerPlace & { offset: number }): void {
    assertName('a topic', topic)
    assertName('a group', group)
    assertPlace('a queue id', queueId)
    assertPlace('an offset', offset)
    const known = this.#groupsByTopic.get(topic)?.get(group)
    if (known?.get(queueId) === offset) return
    this.beginChange()
    const offsets = known ?? this.#add(`${topic}${SEPARATOR}${group}`, new Map())
    offsets.set(queueId, offset)
  }

  /** What every group has said of every queue. */
  *[Symbol.iterator](): Generator<ConsumerPlace & { offset: number }, void, void> {
    for (const [topic, groups] of this.#groupsByTopic) {
      for (const [group, offsets] of groups) {
        for (const [queueId, offset] of offsets) yield { topic, queueId: Number(queueId), group, offset: Number(offset) }
      }
    }
  }

  /** The topics that some group reads. */
  get topics(): string[] {
    return [...this.#groupsByTopic.keys()]
  }

  /** The groups that read a topic. */
  groups(topic: string): string[] {
    return [...(this.#groupsByTopic.get(topic)?.keys() ?? [])]
  }

  /**
   * How far the slowest group has read a queue, and which one that is; undefined where no group reads the topic. Who reads
   * other queues of the topic, and has said nothing of this one, has read nothing of it.
   */
  slowest(topic: string, queueId: number): { group: string; offset: number } | undefined {
    let slowest: { group: string; offset: number } | undefined
    for (const [group, offsets] of this.#groupsByTopic.get(topic) ?? []) {
      const offset = Number(offsets.get(queueId) ?? 0)
      if (slowest === undefined || offset < slowest.offset) slowest = { group, offset }
    }
    return slowest
  }

  /** The offset alone of {@link slowest}. */
  slowestOffset(topic: string, queueId: number): number | undefined {
    return this.slowest(topic, queueId)?.offset
  }

  /** Forgets what all groups have said of a topic, or of one of its queues. */
  forgetTopic(topic: string, queueId?: number): void {
    for (const [group, offsets] of this.#groupsByTopic.get(topic) ?? []) {
      if (queueId !== undefined && !offsets.has(queueId)) continue
      this.beginChange()
      if (queueId !== undefined) offsets.delete(queueId)
      if (queueId === undefined || offsets.size === 0) this.#remove(topic, group)
    }
  }

  /** Forgets what a group has said: it holds up nothing any more. */
  forgetGroup(group: string): void {
    for (const [topic, groups] of this.#groupsByTopic) {
      if (!groups.has(group)) continue
      this.beginChange()
      this.#remove(topic, group)
    }
  }

  protected override members(version: JsonObject): Record<string, JsonValue | undefined> {
    const offsetTable: JsonObject = new Map(Array.from(this.#table, ([key, offsets]) => [key, inOrder(offsets)]))
    if (this.#compatibility === '4.9') return { dataVersion: undefined, groupTopicMap: undefined, offsetTable }
    return { dataVersion: versionFor('5.3', version), groupTopicMap: this.#groupTopicMap(), offsetTable }
  }

  /** Groups that were in the file stay in their order. */
  #groupTopicMap(): JsonObject {
    const topicsByGroup = new Map<string, string[]>(Array.from(this.member('groupTopicMap').keys(), (group) => [String(group), []]))
    for (const [topic, groups] of this.#groupsByTopic) {
      for (const group of groups.keys()) topicsByGroup.set(group, [...(topicsByGroup.get(group) ?? []), topic])
    }
    return new Map([...topicsByGroup].filter(([, topics]) => topics.length > 0))
  }

  #add(key: string, offsets: JsonObject): JsonObject {
    this.#table.set(key, offsets)
    const [topic, group, ...rest] = key.split(SEPARATOR)
    // The engine passes over a key that is none.
    if (group === undefined || rest.length > 0) return offsets
    this.#groupsByTopic.set(topic!, (this.#groupsByTopic.get(topic!) ?? new Map<string, JsonObject>()).set(group, offsets))
    return offsets
  }

  #remove(topic: string, group: string): void {
    this.#table.delete(`${topic}${SEPARATOR}${group}`)
    const groups = this.#groupsByTopic.get(topic)!
    groups.delete(group)
    if (groups.size === 0) this.#groupsByTopic.delete(topic)
  }
}

function inOrder(offsets: JsonObject): JsonObject {
  return new Map([...offsets].sort(([left], [right]) => Number(left) - Number(right)))
}

function assertName(what: string, name: string): void {
  if (typeof name === 'string' && name !== '' && !name.includes(SEPARATOR)) return
  throw new StoreError('ERR_INVALID_ARGUMENT', `${what} is a text without "${SEPARATOR}", not ${JSON.stringify(name)}`, { value: name })
}

function assertPlace(what: string, value: number): void {
  assertWhole(what, value)
  if (value < 0) throw new StoreError('ERR_INVALID_ARGUMENT', `${what} is 0 or more, not ${value}`, { value })
}
