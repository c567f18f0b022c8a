import { readFileSync, statSync, statfsSync } from 'node:fs'
import { totalmem } from 'node:os'
import { dirname } from 'node:path'
import type { Clock, DiskMeter } from '../storage/ports'
import { systemClock } from '../storage/system-clock'
import { systemDiskMeter } from '../storage/system-disk-meter'

/** What the command line asks of the machine that it runs on. */
export interface Machine {
  /** `linux-x64` */
  platform: string
  /** `20.20.2` */
  nodeVersion: string
  /** Of the effective user; undefined where there are none. */
  userId: number | undefined
  /** Bytes. */
  memory: number
  disk: DiskMeter
  clock: Clock
  /** The text of a file of the system, such as those in /proc; undefined where there is none. */
  read(path: string): string | undefined
  /** How many files can still be made on a volume; undefined where that has no limit of its own. */
  filesLeft(path: string): number | undefined
}

export const systemMachine: Machine = {
  platform: `${process.platform}-${process.arch}`,
  nodeVersion: process.versions.node,
  userId: process.geteuid?.(),
  memory: totalmem(),
  disk: systemDiskMeter,
  clock: systemClock,

  read(path) {
    try {
      return readFileSync(path, 'utf8')
    } catch {
      return undefined
    }
  },

  filesLeft(path) {
    const { files, ffree } = statfsSync(path)
    return files === 0 ? undefined : ffree
  },
}

/** The directory itself, or the nearest above it that is there. */
export function nearestExisting(path: string): string {
  for (let at = path; ; at = dirname(at)) {
    if (statSync(at, { throwIfNoEntry: false }) !== undefined || at === dirname(at)) return at
  }
}
