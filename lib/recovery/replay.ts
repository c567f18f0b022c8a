import type { CommitLog } from '../commit-log/commit-log'
import type { ConsumeQueues } from '../consume-queue/consume-queues'
import type { Dispatchers } from '../dispatch/dispatchers'
import { readLong } from '../format/long'
import { Position, isQueued } from '../format/record'
import type { LogReader } from '../commit-log/log-reader'
import type { Backend } from '../storage/ports'
import type { RecoveryProgress } from '../types'
import { scanLog } from './log-scan'
import { RecordCheck } from './record-check'

export interface ReplayContext {
  log: CommitLog
  queues: ConsumeQueues
  reader: LogReader
  dispatchers: Dispatchers
  crc32: Backend['crc32']
  pause(progress: RecoveryProgress): Promise<void>
}

/** Hands old records to the dispatchers that ask for them, in the order of the log. */
export async function replayRecords({ log, queues, reader, dispatchers, crc32, pause }: ReplayContext): Promise<void> {
  const from = Math.max(dispatchers.replayFrom, log.minOffset)
  const end = log.maxOffset
  if (from >= end) return
  const check = new RecordCheck({ checkCRC: false, forceVerifyPropCRC: false, crc32 })
  const total = end - from
  await scanLog({
    segments: log.segments,
    check,
    isDamage: (_finding, offset) => offset < end,
    pause: (done) => pause({ phase: 'dispatch', done, total, unit: 'bytes' }),
    visit: (_bytes, view, position) => {
      const offset = readLong(view, position + Position.physicalOffset)
      if (offset >= end) return false
      if (offset >= from) {
        const message = reader.message(offset, check.parts.size)!
        if (offset < queues.deletedUpTo(message.topic, message.queueId)) return true
        const queue = isQueued(message.sysFlag) ? queues.find(message.topic, message.queueId) : undefined
        dispatchers.replay(message, queue === undefined ? 0 : queue.tagsCodeAt(message.queueOffset))
      }
      return true
    },
  }, [...log.segments].findIndex((segment) => segment.toOffset > from))
}
