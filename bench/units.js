import { formatBytes, formatCount, formatMilliseconds } from './table.js'

/** How a figure of each unit of rows.js is written. */
export const formats = {
  rate: (perSecond) => `${formatCount(perSecond)} /s`,
  milliseconds: (milliseconds) => (milliseconds < 1 ? `${(milliseconds * 1000).toFixed(1)} µs` : formatMilliseconds(milliseconds)),
  bytes: (bytes) => formatBytes(Math.round(bytes)),
  bytesPerSecond: (bytes) => `${formatCount(bytes / 1e6)} MB/s`,
  share: (share) => `${(share * 100).toFixed(1)} %`,
}
