import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { FRAME_HEADER_LENGTH, frameBodySize, frameOffset } from '../../lib/format/ha-frame'

export type Direction = 'toSlave' | 'toMaster'

/** Where a connection is cut, counted from its beginning. */
export type CutPlace =
  /** Behind so many bytes. */
  | { at: 'byte'; byte: number }
  /** Behind so many bytes of the header of a frame; 0 is the first frame. */
  | { at: 'header'; frame: number; byte: number }
  /** So many bytes behind the end of a record, or before it; 0 is the first record that ends. */
  | { at: 'record'; record: number; distance: number }

export interface Cut {
  direction: Direction
  place: CutPlace
  /** The ends are told that the connection is gone; otherwise, that it was closed in order. */
  isReset: boolean
}

/**
 * The network between a slave and its master: what the slave connects to passes on what comes, byte for byte, until it is to be cut
 * at some place, or keeps back what goes one way.
 */
export class Wire {
  /** Where the master listens; undefined while there is none. */
  masterPort: number | undefined
  /** For the connections to come, one each. */
  cuts: Cut[] = []
  /** Of how many connections the cut has come. */
  cutsMade = 0
  readonly #server: Server
  readonly #recordEnds: ReadonlySet<number>
  readonly #links = new Set<Link>()
  readonly #held = new Set<Direction>()

  private constructor(recordEnds: ReadonlySet<number>) {
    this.#recordEnds = recordEnds
    this.#server = createServer({ noDelay: true }, (near) => this.#join(near))
  }

  /** @param recordEnds where the records of the master's log end, as far as it goes by now */
  static async open(recordEnds: ReadonlySet<number>): Promise<Wire> {
    const wire = new Wire(recordEnds)
    await new Promise<void>((resolve) => wire.#server.listen(0, '127.0.0.1', resolve))
    return wire
  }

  /** What a slave takes for its master's address. */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Of the connections to come none is cut any more. */
  spare(): void {
    this.cuts = []
    for (const link of this.#links) link.spare()
  }

  /** What goes this way does not arrive, but for some more bytes, until it is released. */
  hold(direction: Direction, passing: number): void {
    this.#held.add(direction)
    for (const link of this.#links) link.hold(direction, passing)
  }

  /** What was kept back arrives. */
  release(): void {
    this.#held.clear()
    for (const link of this.#links) link.release()
  }

  /** Ends the connections that there are, and all that are made while there is no master. */
  sever(): void {
    for (const link of this.#links) link.end(true)
  }

  close(): void {
    this.masterPort = undefined
    this.sever()
    this.#server.close()
  }

  #join(near: Socket): void {
    near.on('error', () => undefined)
    if (this.masterPort === undefined) return void near.resetAndDestroy()
    const link = new Link(near, connect({ port: this.masterPort, host: '127.0.0.1', noDelay: true }), {
      cut: this.cuts.shift(),
      recordEnds: this.#recordEnds,
      onCut: () => this.cutsMade++,
      onEnd: () => this.#links.delete(link),
    })
    this.#links.add(link)
    for (const direction of this.#held) link.hold(direction, 0)
  }
}

interface LinkParts {
  cut: Cut | undefined
  recordEnds: ReadonlySet<number>
  onCut(): void
  onEnd(): void
}

/** One connection, of which the two halves lead to the slave and to the master. */
class Link {
  readonly #near: Socket
  readonly #far: Socket
  readonly #parts: LinkParts
  #cut: Cut | undefined
  #watch: PlaceWatch | undefined
  readonly #held = new Map<Direction, { passing: number; rest: Buffer }>()
  #isOver = false

  constructor(near: Socket, far: Socket, parts: LinkParts) {
    this.#near = near
    this.#far = far
    this.#parts = parts
    this.#cut = parts.cut
    if (parts.cut !== undefined) this.#watch = new PlaceWatch(parts.cut.place, parts.recordEnds)
    near.on('data', (bytes: Buffer) => this.#arrive('toMaster', bytes))
    far.on('data', (bytes: Buffer) => this.#arrive('toSlave', bytes))
    far.on('error', () => undefined)
    for (const socket of [near, far]) socket.on('close', () => this.end(false))
  }

  spare(): void {
    this.#cut = undefined
  }

  hold(direction: Direction, passing: number): void {
    this.#held.set(direction, { passing, rest: Buffer.alloc(0) })
    if (passing === 0) this.#sourceOf(direction).pause()
  }

  release(): void {
    const held = [...this.#held]
    this.#held.clear()
    for (const [direction, { rest }] of held) {
      this.#pass(direction, rest)
      this.#sourceOf(direction).resume()
    }
  }

  end(isReset: boolean): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#parts.onEnd()
    for (const socket of [this.#near, this.#far]) {
      if (isReset) socket.resetAndDestroy()
      else socket.destroy()
    }
  }

  #sourceOf(direction: Direction): Socket {
    return direction === 'toMaster' ? this.#near : this.#far
  }

  #arrive(direction: Direction, bytes: Buffer): void {
    const held = this.#held.get(direction)
    if (held === undefined) return this.#pass(direction, bytes)
    this.#pass(direction, bytes.subarray(0, held.passing))
    held.rest = Buffer.concat([held.rest, bytes.subarray(held.passing)])
    held.passing = Math.max(0, held.passing - bytes.length)
    if (held.passing === 0) this.#sourceOf(direction).pause()
  }

  #pass(direction: Direction, bytes: Buffer): void {
    if (this.#isOver || bytes.length === 0) return
    const target = direction === 'toMaster' ? this.#far : this.#near
    const cut = this.#cut?.direction === direction ? this.#cut : undefined
    const length = cut === undefined ? undefined : this.#watch!.find(bytes)
    if (length === undefined) return void target.write(bytes)
    this.#cut = undefined
    this.#parts.onCut()
    // Nothing of what comes behind: what has passed is on its way first.
    this.#near.removeAllListeners('data')
    this.#far.removeAllListeners('data')
    target.write(bytes.subarray(0, length), () => this.end(cut!.isReset))
  }
}

/** Follows what goes over a connection up to a place. */
class PlaceWatch {
  readonly #place: CutPlace
  readonly #recordEnds: ReadonlySet<number>
  readonly #header = new Uint8Array(FRAME_HEADER_LENGTH)
  readonly #view = new DataView(this.#header.buffer)
  #count = 0
  #frame = 0
  #headerLength = 0
  #left = 0
  #offset = 0
  #records = 0

  constructor(place: CutPlace, recordEnds: ReadonlySet<number>) {
    this.#place = place
    this.#recordEnds = recordEnds
  }

  /** @returns how many of the bytes come before the place; undefined where it comes later */
  find(bytes: Uint8Array): number | undefined {
    if (this.#place.at === 'byte') return this.#findByte(this.#place.byte, bytes.length)
    for (const [at, byte] of bytes.entries()) {
      if (this.#isHere(this.#place)) return at
      if (this.#left > 0) {
        this.#left--
        this.#offset++
        if (this.#left === 0) this.#frame++
      } else this.#takeHeader(byte)
    }
    return undefined
  }

  #findByte(wanted: number, length: number): number | undefined {
    const before = this.#count
    this.#count += length
    return wanted < this.#count ? wanted - before : undefined
  }

  #takeHeader(byte: number): void {
    this.#header[this.#headerLength++] = byte
    if (this.#headerLength < FRAME_HEADER_LENGTH) return
    this.#headerLength = 0
    this.#offset = frameOffset(this.#view, 0)
    this.#left = frameBodySize(this.#view, 0)
    if (this.#left === 0) this.#frame++
  }

  #isHere(place: Exclude<CutPlace, { at: 'byte' }>): boolean {
    if (place.at === 'header') {
      if (this.#frame !== place.frame) return false
      return this.#left > 0 ? place.byte === FRAME_HEADER_LENGTH : this.#headerLength === place.byte
    }
    return this.#left > 0 && this.#recordEnds.has(this.#offset - place.distance) && this.#records++ === place.record
  }
}
