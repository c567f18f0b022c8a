import { basename, dirname, join } from 'node:path'
import { StoreError } from '../errors'
import { parseEngineJson, printEngineJson, type JsonObject } from '../format/engine-json'
import { makeDurableDirectory } from '../storage/durable-directory'
import type { FileSystem } from '../storage/ports'
import { readWholeFile, replaceWholeFile } from '../storage/whole-file'

/**
 * One of the files in `config`, with the content before the last one beside it as `.bak`. The engine reads that where the file
 * itself is not there, empty, or no JSON.
 */
export class ConfigFile {
  readonly path: string
  readonly #files: FileSystem
  /** What the file holds; undefined where it is not there, or damaged. */
  #text: string | undefined

  constructor(files: FileSystem, directory: string, name: string) {
    this.#files = files
    this.path = join(directory, name)
  }

  /** Undefined where there is neither file. @throws ERR_CORRUPT where something is there and nothing can be read */
  load(): JsonObject | undefined {
    const [main, previous] = [this.#read(this.path), this.#read(`${this.path}.bak`)]
    this.#text = main?.content === undefined ? undefined : main.text
    const content = main?.content ?? previous?.content
    const reason = main?.reason ?? previous?.reason
    if (content === undefined && reason !== undefined) throw this.#damaged(reason)
    return content
  }

  /**
   * Durable when it resolves. A crash leaves the file as it was or as it is to be, and `.bak` likewise: both are written beside
   * and renamed.
   */
  async save(content: JsonObject): Promise<void> {
    const directory = dirname(this.path)
    const text = printEngineJson(content)
    if (text === this.#text) return
    await makeDurableDirectory(this.#files, directory)
    // What cannot be read does not take the place of what can.
    if (this.#text !== undefined) await this.#replace(`${this.path}.bak`, this.#text)
    await this.#replace(this.path, text)
    await this.#files.syncDirectory(directory)
    this.#text = text
  }

  #read(path: string): { text: string; content?: JsonObject; reason?: string } | undefined {
    const size = this.#files.status(path)?.size
    if (size === undefined) return undefined
    const text = readWholeFile(this.#files, path, size).toString()
    try {
      const content = parseEngineJson(text)
      return content === undefined ? { text } : { text, content }
    } catch (error) {
      return { text, reason: `${basename(path)}: ${(error as Error).message}` }
    }
  }

  #replace(path: string, text: string): Promise<void> {
    return replaceWholeFile(this.#files, path, `${path}.tmp`, Buffer.from(text))
  }

  #damaged(reason: string): StoreError {
    const message = `${this.path} cannot be read, and there is no .bak that can: ${reason}. Put right what is there, or move it away`
    return new StoreError('ERR_CORRUPT', message, { file: this.path, reason })
  }
}
