import { CHECKPOINT_LENGTH, decodeCheckpoint, encodeCheckpoint, type CheckpointFields } from '../format/checkpoint-layout'
import type { FileSystem } from '../storage/ports'

const FIELDS_4_9 = 3
const FIELDS_5_3 = 5

/** The checkpoint file: what an open after a crash need not look at again. Raised only after the flush that it claims. */
export class Checkpoint {
  readonly fields: CheckpointFields
  readonly #files: FileSystem
  readonly #path: string
  readonly #fieldCount: number
  #written: string
  #syncing: Promise<void> = Promise.resolve()
  #descriptor: number | undefined

  constructor(files: FileSystem, path: string, compatibility: '4.9' | '5.3') {
    this.#files = files
    this.#path = path
    this.#fieldCount = compatibility === '4.9' ? FIELDS_4_9 : FIELDS_5_3
    const bytes = Buffer.alloc(CHECKPOINT_LENGTH)
    if (files.status(path) !== undefined) {
      const descriptor = files.open(path, 'read')
      try {
        files.read(descriptor, bytes, 0, CHECKPOINT_LENGTH, 0)
      } finally {
        files.close(descriptor)
      }
    }
    this.fields = decodeCheckpoint(bytes)
    this.#written = bytes.toString('latin1')
  }

  /** Writes the fields, durably. A page is written at once, so that a crash leaves the old or the new one. */
  async write(): Promise<void> {
    const bytes = encodeCheckpoint(this.fields, this.#fieldCount)
    const text = bytes.toString('latin1')
    // Whoever finds it written waits for the sync that makes it durable.
    if (this.#descriptor !== undefined && text === this.#written) return this.#syncing
    this.#descriptor ??= this.#files.open(this.#path, this.#files.status(this.#path) === undefined ? 'create' : 'write')
    this.#files.write(this.#descriptor, bytes, 0, bytes.length, 0)
    this.#written = text
    this.#syncing = this.#files.sync(this.#descriptor)
    await this.#syncing
  }

  close(): void {
    if (this.#descriptor !== undefined) this.#files.close(this.#descriptor)
    this.#descriptor = undefined
  }
}
