/** A worker or a child process of lock.test.ts: opens a store, says how that went, and stays. */
import { parentPort, workerData } from 'node:worker_threads'
import { MessageStore, isStoreError, type OpenOptions } from '../../lib/index'

interface Order {
  directory: string
  options: OpenOptions
}

async function main(): Promise<void> {
  const { directory, options } = (workerData ?? JSON.parse(process.argv[2]!)) as Order
  const answer = await MessageStore.open(directory, options).then(
    () => ({ code: 'OPEN', holder: undefined }),
    (error: unknown) => (isStoreError(error) ? { code: error.code, holder: error.details.holder } : { code: String(error), holder: undefined }),
  )
  if (parentPort !== null) parentPort.postMessage(answer)
  else process.send!(answer)
  setInterval(() => undefined, 1000)
}

void main()
