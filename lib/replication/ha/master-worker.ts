import { parentPort, workerData } from 'node:worker_threads'
import { StoreError } from '../../errors'
import { SharedLong } from '../../format/long'
import { NodeFileSystem } from '../../storage/node-file-system'
import { systemClock } from '../../storage/system-clock'
import type { StoreEvents } from '../../types'
import { Acknowledged } from './acknowledged'
import { LogFiles } from './log-files'
import { HaMaster } from './master'
import type { FromThread, ThreadData, ToThread } from './thread-messages'

/** The thread that serves slaves: see {@link MasterThread}, which has begun it. */

const { options, tls, fileSize, startOffset, memory, pace, files } = workerData as ThreadData
const port = parentPort!
const send = (message: FromThread): void => port.postMessage(message)
const taken = new SharedLong(memory, SharedLong.BYTES)

const acknowledged = new Acknowledged({
  isUrgent: pace === 0,
  taken: () => taken.value,
  send: (offsets) => send({ acknowledged: offsets }),
})
const log = new LogFiles({
  files: new NodeFileSystem(), fileSize, pace,
  end: new SharedLong(memory, 0),
  acknowledge: (replica, offset) => acknowledged.note(replica, offset),
  leave: (replica, reason) => {
    acknowledged.sendAll()
    acknowledged.forget(replica)
    send({ left: { replica, reason } })
  },
}, files)
const master = new HaMaster({ log, options, clock: systemClock, emit: (_name, event) => send({ warning: event as StoreEvents['warning'] }) }, startOffset)

port.on('message', (message: ToThread) => {
  if ('files' in message) log.change(message.files)
  else void master.stop().then(() => process.exit())
})
master.start({ tls }).then(() => send({ listening: master.address! }), (error: Error) => {
  if (!(error instanceof StoreError)) throw error
  const { code, message, details } = error
  send({ failed: { code, message, details } })
  process.exit()
})
