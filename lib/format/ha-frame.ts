import { readLong, writeLong } from './long'

/**
 * The HA protocol. A slave sends reports: the end of its log (8). The master sends frames: commit log offset (8), length of the
 * body (4), body; a frame without one is a heartbeat, and its offset that of the next byte to come. Wire format: never change.
 */
export const REPORT_LENGTH = 8

/** Offset and length of the body. */
export const FRAME_HEADER_LENGTH = 12

export function writeReport(view: DataView, position: number, offset: number): void {
  writeLong(view, position, offset)
}

export function readReport(view: DataView, position: number): number {
  return readLong(view, position)
}

export function writeFrameHeader(view: DataView, position: number, offset: number, bodySize: number): void {
  writeLong(view, position, offset)
  view.setInt32(position + 8, bodySize)
}

export function frameOffset(view: DataView, position: number): number {
  return readLong(view, position)
}

export function frameBodySize(view: DataView, position: number): number {
  return view.getInt32(position + 8)
}
