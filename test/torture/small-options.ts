import type { OpenOptions } from '../../lib/index'
import type { Random } from './random'

/** Options of any kind with which a few messages fill many files, and all that has a cadence happens at once. */
export function smallOptions(random: Random): OpenOptions {
  return {
    compatibility: random.pick(['4.9', '5.3'] as const),
    flushDiskType: random.chance(0.6) ? 'SYNC_FLUSH' : 'ASYNC_FLUSH',
    mappedFileSizeCommitLog: random.pick([4096, 8192, 16_384]),
    mappedFileSizeConsumeQueue: random.pick([200, 400, 4000]),
    maxHashSlotNum: 16,
    maxIndexNum: random.pick([40, 400]),
    flushIntervalCommitLog: random.between(1, 20),
    flushIntervalConsumeQueue: random.between(1, 20),
    flushConsumeQueueThoroughInterval: random.between(1, 40),
  }
}
