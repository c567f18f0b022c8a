import { join } from 'node:path'
import { StoreError } from '../errors'
import { readCheckedJson, writeCheckedJson } from '../storage/checked-json'
import type { Backend } from '../storage/ports'

/** The library's own file, which the engine passes over. */
const EPOCH_NAME = 'mqstore-epoch.json'

/** A mastership: its number, and where the log ended when it began. */
export interface Epoch {
  epoch: number
  startOffset: number
}

/** Keeps the number of the mastership over a close and a crash. */
export class EpochFile {
  readonly #backend: Backend
  readonly #path: string
  #current: Epoch

  /** @param warn told where the number is lost */
  constructor(backend: Backend, directory: string, warn: (message: string, file: string) => void) {
    this.#backend = backend
    this.#path = join(directory, EPOCH_NAME)
    const found = readOrGiveUp(backend, this.#path)
    if (found === 'damaged') warn('it is damaged: the epoch begins at 0 again, unless promote is given another one', this.#path)
    this.#current = typeof found === 'object' ? (found as Epoch) : { epoch: 0, startOffset: 0 }
  }

  /** 0 where the store has never been promoted. */
  get current(): Epoch {
    return this.#current
  }

  /** @throws ERR_INVALID_ARGUMENT for a number that does not go up */
  assertGoesUp(epoch: number): void {
    if (Number.isSafeInteger(epoch) && epoch > this.#current.epoch) return
    throw new StoreError('ERR_INVALID_ARGUMENT', `an epoch is a whole number above the last one, which is ${this.#current.epoch}`, { value: epoch })
  }

  /** Begins a mastership, durably. @throws ERR_DISK_FULL, ERR_IO */
  async begin(epoch: number, startOffset: number): Promise<void> {
    const next = { epoch, startOffset }
    await writeCheckedJson(this.#backend, this.#path, next)
    this.#current = next
  }
}

function readOrGiveUp(backend: Backend, path: string): ReturnType<typeof readCheckedJson> {
  try {
    return readCheckedJson(backend, path)
  } catch {
    return 'damaged'
  }
}
