import { ConsumeQueues } from '../../lib/consume-queue/consume-queues'
import { StoreConfig, type StoreConfigContext } from '../../lib/config/store-config'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import type { FileSystem } from '../../lib/storage/ports'
import { SteppedClock } from '../torture/stepped-clock'

/** A whole second. */
export const START = Date.UTC(2024, 0, 2, 3, 4, 5)
export const DIRECTORY = '/store/config'

/** What is in `config` of a store without messages. */
export function openConfig(changes: Partial<StoreConfigContext> = {}): { config: StoreConfig; files: FileSystem; clock: SteppedClock; warnings: string[] } {
  const clock = new SteppedClock(START)
  const files = changes.files ?? createMemoryBackend(clock).files
  const warnings: string[] = []
  const queues = new ConsumeQueues({ files, directory: '/store/consumequeue', fileSize: 200, readOnly: false, warn: () => undefined })
  const config = new StoreConfig({
    files, clock, directory: DIRECTORY, compatibility: '5.3', readOnly: false, queues, logMinOffset: () => 0, interval: 5000,
    warn: (message) => warnings.push(message), ...changes,
  })
  return { config, files, clock, warnings }
}

export function readText(files: FileSystem, name: string): string | undefined {
  const path = `${DIRECTORY}/${name}`
  const status = files.status(path)
  if (status === undefined) return undefined
  const bytes = Buffer.alloc(status.size)
  const descriptor = files.open(path, 'read')
  files.read(descriptor, bytes, 0, bytes.length, 0)
  files.close(descriptor)
  return bytes.toString()
}

export function writeText(files: FileSystem, name: string, text: string): void {
  const path = `${DIRECTORY}/${name}`
  files.makeDirectory(DIRECTORY)
  if (files.status(path) !== undefined) files.remove(path)
  const descriptor = files.open(path, 'create')
  const bytes = Buffer.from(text)
  files.write(descriptor, bytes, 0, bytes.length, 0)
  files.close(descriptor)
}
