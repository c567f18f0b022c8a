import { readFileSync } from 'node:fs'

const interval = 200

/** What is written and not on the disk yet, of the whole machine; undefined where the system does not say. */
export function readDirtyBytes() {
  try {
    const lines = readFileSync('/proc/meminfo', 'utf8').matchAll(/^(?:Dirty|Writeback): +(\d+) kB$/gm)
    return [...lines].reduce((sum, [, kibibytes]) => sum + Number(kibibytes) * 1024, 0)
  } catch {
    return undefined
  }
}

/** Looks again and again, so as to know how much the page cache has swallowed of what a round wrote. */
export class DirtyBytesWatch {
  before = readDirtyBytes()
  most = this.before
  #timer = setInterval(() => this.#look(), interval)

  /** @returns bytes when the watch began, and the most since then */
  end() {
    clearInterval(this.#timer)
    this.#look()
    return { before: this.before, most: this.most }
  }

  #look() {
    const bytes = readDirtyBytes()
    if (bytes > this.most) this.most = bytes
  }
}
