import { assertWhole } from '../errors'
import type { JsonObject, JsonValue } from '../format/engine-json'
import type { ConfigFile } from './config-file'
import { ConfigTable, versionFor, type ConfigContext } from './config-table'

/**
 * How far the delivery of delayed messages has come, in `config/delayOffset.json`: by delay level, 1 for the first, the queue
 * offset of the next message to deliver.
 */
export class DelayOffsets extends ConfigTable {
  readonly #compatibility: ConfigContext['compatibility']
  readonly #offsets = new Map<number, JsonValue>()

  constructor(file: ConfigFile, context: ConfigContext) {
    super(file, context)
    this.#compatibility = context.compatibility
    for (const [level, offset] of this.member('offsetTable')) this.#offsets.set(Number(level), offset)
  }

  /** Undefined where nothing of the level has been delivered. */
  get(level: number): number | undefined {
    const offset = this.#offsets.get(level)
    return offset === undefined ? undefined : Number(offset)
  }

  /** @throws ERR_INVALID_ARGUMENT */
  set(level: number, offset: number): void {
    assertWhole('a delay level', level)
    assertWhole('an offset', offset)
    if (this.#offsets.get(level) === offset) return
    this.beginChange()
    this.#offsets.set(level, offset)
  }

  protected override members(version: JsonObject): Record<string, JsonValue | undefined> {
    const offsetTable: JsonObject = new Map([...this.#offsets].sort(([left], [right]) => left - right))
    return { dataVersion: this.#compatibility === '4.9' ? undefined : versionFor('5.3', version), offsetTable }
  }
}
