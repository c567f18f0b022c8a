import { FRAME_HEADER_LENGTH, frameBodySize, frameOffset } from '../../format/ha-frame'
import { WireError } from './wire-error'

/** Who is told what a master sends. */
export interface FrameSink {
  /** A frame begins. A heartbeat has no body. */
  header(offset: number, bodySize: number): void
  /** A piece of the frame's body, valid during the call only. */
  body(offset: number, bytes: Uint8Array): void
}

/**
 * Takes a master's frames out of a stream that may be cut anywhere. A body is passed on as it comes, so that nothing of it is
 * copied or kept, however long it says that it is.
 */
export class FrameParser {
  readonly #sink: FrameSink
  readonly #header = new Uint8Array(FRAME_HEADER_LENGTH)
  readonly #view = new DataView(this.#header.buffer)
  #headerLength = 0
  /** Where the next byte of the body belongs, and how many are to come. */
  #offset = 0
  #left = 0

  constructor(sink: FrameSink) {
    this.#sink = sink
  }

  /** @throws WireError, and what the sink throws; nothing can be taken after that */
  take(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) at += this.#left > 0 ? this.#takeBody(bytes, at) : this.#takeHeader(bytes, at)
  }

  #takeHeader(bytes: Uint8Array, at: number): number {
    const piece = bytes.subarray(at, at + FRAME_HEADER_LENGTH - this.#headerLength)
    this.#header.set(piece, this.#headerLength)
    this.#headerLength += piece.length
    if (this.#headerLength < FRAME_HEADER_LENGTH) return piece.length
    this.#headerLength = 0
    const offset = frameOffset(this.#view, 0)
    const size = frameBodySize(this.#view, 0)
    if (size < 0) throw new WireError(`announced ${size} bytes`)
    if (!Number.isSafeInteger(offset + size) || offset < 0) throw new WireError(`announced bytes at offset ${offset}`)
    this.#offset = offset
    this.#left = size
    this.#sink.header(offset, size)
    return piece.length
  }

  #takeBody(bytes: Uint8Array, at: number): number {
    const piece = bytes.subarray(at, at + this.#left)
    const offset = this.#offset
    this.#offset += piece.length
    this.#left -= piece.length
    this.#sink.body(offset, piece)
    return piece.length
  }
}
