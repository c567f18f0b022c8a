import { viewOf } from '../format/bytes'
import { QUEUE_ENTRY_LENGTH } from '../format/queue-entry'

/** What some pulls in a row take; a block's bytes are less than a page. */
export const BLOCK_ENTRIES = 192
/** Blocks of a store: of so many queues readers go on without a call to the system. */
const BLOCKS_MAX = 256

/** Entries [from, to) of a queue, as its file had them when a reader came by. */
export class EntryBlock {
  readonly bytes = Buffer.alloc(BLOCK_ENTRIES * QUEUE_ENTRY_LENGTH)
  readonly view = viewOf(this.bytes)
  /** Whose entries these are; another queue takes the block when there is no other left. */
  owner: object | undefined
  from = 0
  to = 0
}

/** The blocks that all queues of a store share. */
export class EntryBlocks {
  readonly #blocks: EntryBlock[] = []
  #next = 0

  /** A block for `owner`: a new one, or that which was taken before all others. */
  take(owner: object): EntryBlock {
    if (this.#next === this.#blocks.length && this.#next < BLOCKS_MAX) this.#blocks.push(new EntryBlock())
    const block = this.#blocks[this.#next % this.#blocks.length]!
    this.#next = (this.#next + 1) % BLOCKS_MAX
    block.owner = owner
    return block
  }
}
