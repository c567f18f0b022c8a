import { StoreError } from '../../lib/errors'
import type { DiskMeter, DiskUsage } from '../../lib/storage/ports'

/** Volumes that are as full as the test says; a path lies on the one that was mounted closest above it. */
export class FakeDisks implements DiskMeter {
  readonly #mounts = new Map<string, DiskUsage>()
  /** Thrown instead of an answer. */
  failure: StoreError | undefined

  mount(path: string, totalBytes: number, freeBytes: number): void {
    const device = this.#mounts.get(path)?.device ?? this.#mounts.size + 1
    this.#mounts.set(path, { totalBytes, freeBytes, device })
  }

  usage(path: string): DiskUsage | undefined {
    if (this.failure !== undefined) throw this.failure
    const above = [...this.#mounts].filter(([mount]) => mount === '/' || `${path}/`.startsWith(`${mount}/`))
    return above.sort(([left], [right]) => right.length - left.length)[0]?.[1]
  }
}
