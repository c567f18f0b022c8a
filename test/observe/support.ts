import type { DiskMeter } from '../../lib/storage/ports'

/** A volume that is used as a test says. */
export class SettableDisk implements DiskMeter {
  totalBytes = 1_000_000
  freeBytes = 400_000

  usage(): { totalBytes: number; freeBytes: number; device: number } {
    return { totalBytes: this.totalBytes, freeBytes: this.freeBytes, device: 1 }
  }
}
