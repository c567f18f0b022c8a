import { compareTexts } from '../format/compare-texts'
import { LongNumber, type JsonObject, type JsonValue } from '../format/engine-json'
import type { Clock } from '../storage/ports'
import type { ConfigFile } from './config-file'

/** What the files in `config` have in common: a version, and members that are kept as they are found. */
export abstract class ConfigTable {
  readonly #file: ConfigFile
  readonly #clock: Clock
  readonly #onChange: () => void
  /** All members, those as well that this library does not know. */
  readonly #content: JsonObject
  #changes = 0
  #saved = 0
  #saving: Promise<void> = Promise.resolve()

  protected constructor(file: ConfigFile, { clock, onChange }: ConfigContext) {
    this.#file = file
    this.#clock = clock
    this.#onChange = onChange
    this.#content = file.load() ?? new Map()
  }

  /** Whether there is something that is not on the disk. */
  get isChanged(): boolean {
    return this.#saved < this.#changes
  }

  /**
   * Resolves once all changes made before the call are on the disk. Without it they get there within the interval
   * `flushConsumerOffsetInterval`, and when the store is closed.
   *
   * @throws ERR_DISK_FULL, ERR_IO
   */
  persist(): Promise<void> {
    // One after the other: they write the same files.
    const saving = this.#saving.then(() => this.#save())
    this.#saving = saving.catch(() => undefined)
    return saving
  }

  /** A member that is an object; empty where there is none. */
  protected member(name: string): JsonObject {
    const value = this.#content.get(name)
    return value instanceof Map ? value : new Map()
  }

  /** Called before each change. @throws ERR_READ_ONLY, ERR_STORE_CLOSED */
  protected beginChange(): void {
    this.#onChange()
    this.#changes++
  }

  /** What becomes of the members; undefined leaves one out. */
  protected abstract members(version: JsonObject): Record<string, JsonValue | undefined>

  async #save(): Promise<void> {
    if (!this.isChanged) return
    const upTo = this.#changes
    const content = new Map(this.#content)
    for (const [name, value] of Object.entries(this.members(this.#nextVersion()))) {
      if (value === undefined) content.delete(name)
      else content.set(name, value)
    }
    await this.#file.save(new Map([...content].sort(byName)))
    for (const [name, value] of content) this.#content.set(name, value)
    this.#saved = upTo
  }

  /** The engine's slaves fetch what has another version than theirs. */
  #nextVersion(): JsonObject {
    const version = new Map(this.member('dataVersion'))
    version.set('counter', Number(version.get('counter') ?? 0) + 1)
    version.set('timestamp', this.#clock.now())
    return version
  }
}

export interface ConfigContext {
  clock: Clock
  compatibility: '4.9' | '5.3'
  /** Told before each change; throws where there is to be none. */
  onChange(): void
}

/** `dataVersion` as the version of the engine has it: 5.3 knows one member more. */
export function versionFor(compatibility: ConfigContext['compatibility'], version: JsonObject): JsonObject {
  const [counter, timestamp] = [version.get('counter')!, version.get('timestamp')!]
  const stateVersion = version.get('stateVersion') ?? 0
  return compatibility === '4.9'
    ? new Map([['counter', counter], ['timestamp', timestamp]])
    : new Map([['counter', counter], ['stateVersion', stateVersion], ['timestamp', timestamp]])
}

/** The order in which the engine writes members. For Array.sort. */
export function byName([left]: readonly [string | number, unknown], [right]: readonly [string | number, unknown]): number {
  return compareTexts(String(left), String(right))
}

/** As a program wants it: objects for objects, and numbers as far as JavaScript has them. */
export function toPlain(value: JsonValue): unknown {
  if (value instanceof LongNumber) return Number(value)
  if (Array.isArray(value)) return value.map(toPlain)
  return value instanceof Map ? Object.fromEntries(Array.from(value, ([key, member]) => [key, toPlain(member)])) : value
}

/** The members of an object in alphabetical order, as the engine writes those of its classes. */
export function fromPlain(value: unknown): JsonValue {
  if (Array.isArray(value)) return value.map(fromPlain)
  if (typeof value !== 'object' || value === null) return value as JsonValue
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  return new Map(members.sort(byName).map(([key, member]) => [key, fromPlain(member)]))
}
