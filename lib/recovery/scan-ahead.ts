import type { Segment } from '../storage/segment'
import type { RecordScan } from '../storage/ports'
import type { RecordRows } from '../storage/record-rows'

/** Bytes looked at in one go: the main thread works on so much at a time. */
const BLOCK = 4 << 20

/** Whole records that stand in a row from a place on. */
export interface RecordBlock {
  rows: RecordRows
  count: number
}

/** Has whole records looked for off the main thread, one block ahead of who works on them. */
export class ScanAhead {
  readonly #scan: RecordScan
  #next: { segment: Segment; position: number; rows: Promise<RecordRows> } | undefined

  constructor(scan: RecordScan) {
    this.#scan = scan
  }

  /** The records from `position` on, none where something else stands there; valid until the next call. */
  async blockAt(segment: Segment, position: number): Promise<RecordBlock> {
    if (this.#next?.segment !== segment || this.#next.position !== position) {
      await this.settle()
      this.#ask(segment, position)
    }
    const rows = await this.#next!.rows
    this.#next = undefined
    const { count } = rows
    if (count === 0) return { rows, count }
    const end = rows.position(count - 1) + rows.size(count - 1)
    if (end < segment.size) this.#ask(segment, end)
    return { rows, count: intactRows(segment, rows, position, end) }
  }

  /** Resolves once nothing is under way any more: from then on the files may be closed. */
  async settle(): Promise<void> {
    await this.#next?.rows
    this.#next = undefined
  }

  #ask(segment: Segment, position: number): void {
    const rows = this.#scan.scan(segment.mapping, position, Math.min(position + BLOCK, segment.size), segment.fromOffset)
    this.#next = { segment, position, rows }
  }
}

/** How many records lie before the first page that could not be had. */
function intactRows(segment: Segment, rows: RecordRows, from: number, to: number): number {
  let { count } = rows
  const fault = segment.findFault(from, to)
  if (fault !== undefined) while (count > 0 && rows.position(count - 1) + rows.size(count - 1) > fault) count--
  return count
}
