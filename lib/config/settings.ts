import { StoreError } from '../errors'
import type { JsonObject, JsonValue } from '../format/engine-json'
import type { ConfigFile } from './config-file'
import { ConfigTable, byName, fromPlain, toPlain, versionFor, type ConfigContext } from './config-table'

/** A table of things that have a name and settings. */
export interface SettingsKind<Settings extends object> {
  /** The member of the file that holds the table. */
  table: string
  /** The setting that holds the name. */
  name: keyof Settings & string
  /** What holds for one that is made, by the version of the engine that is followed. */
  defaults(compatibility: ConfigContext['compatibility']): Partial<Settings>
}

/**
 * The settings of topics, or of consumer groups, that a broker keeps for its clients; the store itself makes no use of them.
 * Changes are in memory at once and on the disk a little later, see {@link ConfigTable.persist}.
 */
export class SettingsTable<Settings extends object> extends ConfigTable {
  readonly #kind: SettingsKind<Settings>
  readonly #compatibility: ConfigContext['compatibility']
  readonly #table: JsonObject

  constructor(file: ConfigFile, context: ConfigContext, kind: SettingsKind<Settings>) {
    super(file, context)
    this.#kind = kind
    this.#compatibility = context.compatibility
    this.#table = new Map(Array.from(this.member(kind.table), ([name, settings]) => [String(name), settings]))
  }

  get names(): string[] {
    return Array.from(this.#table.keys(), String)
  }

  /** A copy. */
  get(name: string): Settings | undefined {
    const settings = this.#table.get(name)
    return settings === undefined ? undefined : (toPlain(settings) as Settings)
  }

  /** Changes some settings, or makes one that has them and the engine's defaults for the rest. @throws ERR_INVALID_ARGUMENT */
  set(name: string, changes: Partial<Settings>): void {
    if (typeof name !== 'string' || name === '') throw new StoreError('ERR_INVALID_ARGUMENT', 'a name is a text', { value: name })
    this.beginChange()
    const known = this.#table.get(name)
    const before = known instanceof Map ? known : (fromPlain(this.#kind.defaults(this.#compatibility)) as JsonObject)
    const after = new Map([...before, ...(fromPlain({ ...changes, [this.#kind.name]: name }) as JsonObject)])
    this.#table.set(name, new Map([...after].sort(byName)))
  }

  /** @returns whether it was there */
  delete(name: string): boolean {
    if (!this.#table.has(name)) return false
    this.beginChange()
    return this.#table.delete(name)
  }

  protected override members(version: JsonObject): Record<string, JsonValue | undefined> {
    return { dataVersion: versionFor(this.#compatibility, version), [this.#kind.table]: new Map(this.#table) }
  }
}

/** A topic as `config/topics.json` has it. */
export interface TopicSettings {
  topicName: string
  readQueueNums: number
  writeQueueNums: number
  /** 4 for readable, 2 for writable, and their sum. */
  perm: number
  topicFilterType: 'SINGLE_TAG' | 'MULTI_TAG'
  topicSysFlag: number
  order: boolean
  /** Only in 5.3; `message.type`, `cleanup.policy` and the like. */
  attributes?: Record<string, string>
}

export const topicSettings: SettingsKind<TopicSettings> = {
  table: 'topicConfigTable',
  name: 'topicName',
  defaults: (compatibility) => ({
    ...(compatibility === '5.3' && { attributes: {} }),
    order: false, perm: 6, readQueueNums: 16, topicFilterType: 'SINGLE_TAG', topicSysFlag: 0, writeQueueNums: 16,
  }),
}

/** A group as `config/subscriptionGroup.json` has it. */
export interface GroupSettings {
  groupName: string
  consumeEnable: boolean
  consumeFromMinEnable: boolean
  consumeBroadcastEnable: boolean
  retryQueueNums: number
  retryMaxTimes: number
  brokerId: number
  whichBrokerWhenConsumeSlowly: number
  notifyConsumerIdsChangedEnable: boolean
  /** Whatever else is there; 5.3 has more than 4.9. */
  [setting: string]: unknown
}

export const groupSettings: SettingsKind<GroupSettings> = {
  table: 'subscriptionGroupTable',
  name: 'groupName',
  defaults: (compatibility) => ({
    brokerId: 0, consumeBroadcastEnable: true, consumeEnable: true, consumeFromMinEnable: true, notifyConsumerIdsChangedEnable: true,
    retryMaxTimes: 16, retryQueueNums: 1, whichBrokerWhenConsumeSlowly: 1,
    ...(compatibility === '5.3' && {
      attributes: {}, consumeMessageOrderly: false, consumeTimeoutMinute: 15, groupRetryPolicy: { type: 'CUSTOMIZED' }, groupSysFlag: 0,
    }),
  }),
}
