import { FRAME_HEADER_LENGTH } from '../../format/ha-frame'

/** About how much one call to the system sends; more is not faster. */
const WRITE_BYTES = 256 << 10
const SPARE_MAX = 4

export interface WriteBuffer {
  readonly bytes: Buffer
  readonly view: DataView
}

/** Memory for what is on its way to replicas. What comes back is used again, by whichever connection has something to send. */
export class WriteBuffers {
  readonly #length: number
  readonly #spare: WriteBuffer[] = []

  /** @param bodyMax of a frame; a buffer has room for several, but always for one */
  constructor(bodyMax: number) {
    const frame = FRAME_HEADER_LENGTH + bodyMax
    this.#length = frame * Math.max(1, Math.round(WRITE_BYTES / frame))
  }

  take(): WriteBuffer {
    return this.#spare.pop() ?? make(this.#length)
  }

  /** Only once nobody reads it any more. */
  giveBack(buffer: WriteBuffer): void {
    if (this.#spare.length < SPARE_MAX) this.#spare.push(buffer)
  }
}

function make(length: number): WriteBuffer {
  const bytes = Buffer.allocUnsafeSlow(length)
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, length) }
}
