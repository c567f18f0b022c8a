import { readLong, writeLong } from './long'

/** An entry of a consume queue: commit log offset (8), record size (4), tags code (8). Wire format: never change. */
export const QUEUE_ENTRY_LENGTH = 20

/** The size in the entries before the start of a queue that starts late; their offset is 0. */
export const PREFILL_SIZE = 0x7fff_ffff

export function writeQueueEntry(view: DataView, position: number, offset: number, size: number, tagsCode: number): void {
  writeLong(view, position, offset)
  view.setInt32(position + 8, size)
  writeLong(view, position + 12, tagsCode)
}

export function entryOffset(view: DataView, position: number): number {
  return readLong(view, position)
}

export function entrySize(view: DataView, position: number): number {
  return view.getInt32(position + 8)
}

export function entryTagsCode(view: DataView, position: number): number {
  return readLong(view, position + 12)
}

/** An entry that stands for no message. */
export function isPrefill(offset: number, size: number): boolean {
  return size === PREFILL_SIZE && offset === 0
}

/** The engine's test for a written entry: an all-zero one is the end of the queue. */
export function isWrittenEntry(view: DataView, position: number): boolean {
  return entryOffset(view, position) >= 0 && entrySize(view, position) > 0
}
