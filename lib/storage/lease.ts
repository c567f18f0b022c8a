import type { Segment } from './segment'

/** Who reads, and where. */
export interface Reader {
  topic: string
  queueId: number
  /** Queue offset at which it began. */
  offset: number
  /** What it calls itself. */
  reader?: string
}

/** A reader's claim on segments: their bytes stay where they are until it ends, or is revoked. */
export class Lease {
  /** Somebody could wait no longer. */
  isRevoked = false
  /** Kept for whoever watches whether its holder is still there; -1 for no place. */
  place = -1
  readonly #reader: Reader
  readonly #segments: Segment[] = []

  constructor(reader: Reader) {
    this.#reader = reader
  }

  /** For people. */
  get reader(): string {
    const { reader, topic, queueId, offset } = this.#reader
    return `${reader ?? 'a reader'} of ${topic}/${queueId} at offset ${offset}`
  }

  /** Holds one more segment, or one that it holds already. */
  hold(segment: Segment): void {
    // Mostly the one that came last.
    if (segment === this.#segments[this.#segments.length - 1] || this.#segments.includes(segment)) return
    this.#segments.push(segment)
    segment.leases.add(this)
  }

  /** The segment held in which the byte at `offset` of the log is. */
  find(offset: number): Segment | undefined {
    for (const segment of this.#segments) if (offset >= segment.fromOffset && offset < segment.toOffset) return segment
    return undefined
  }

  /** Idempotent. */
  end(): void {
    for (const segment of this.#segments.splice(0)) {
      segment.leases.delete(this)
      if (segment.leases.size === 0) segment.onFree?.()
    }
  }

  revoke(): void {
    this.isRevoked = true
    this.end()
  }
}
