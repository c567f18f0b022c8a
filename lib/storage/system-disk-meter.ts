import * as fs from 'node:fs'
import { isAbsence, fileError } from './node-file-system'
import type { DiskMeter } from './ports'

/** What the system says of a file system, counted as RocketMQ counts it: as `df` does. */
export const systemDiskMeter: DiskMeter = {
  usage(path) {
    try {
      const { blocks, bfree, bavail, bsize } = fs.statfsSync(path)
      const freeBytes = bavail * bsize
      return { totalBytes: (blocks - bfree) * bsize + freeBytes, freeBytes, device: fs.statSync(path).dev }
    } catch (error) {
      if (isAbsence(error)) return undefined
      throw fileError('measure the file system of', path, error)
    }
  },
}
