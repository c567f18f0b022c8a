import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MessageStore, type OpenOptions } from '../../lib/index'

/**
 * A store under full append load of which a backup is made again and again, each opened and compared with what had been acknowledged
 * before it began. By hand, a backup a second for a minute: node build/test/backup/load.js 60 1000
 */

export interface LoadOptions {
  directory: string
  backups: number
  /** Milliseconds from the start of one backup to that of the next. */
  every: number
  options: OpenOptions
}

export interface LoadReport {
  appended: number
  /** For each backup. */
  backups: { acknowledged: number; found: number; milliseconds: number; linkedBytes: number; copiedBytes: number; label: string }[]
  /** In words; nothing where all is well. */
  wrong: string[]
}

const QUEUES = 8
const AT_ONCE = 64

/** Puts messages as fast as they are acknowledged, some in flight at a time, until it is told to stop. */
class Writer {
  appended = 0
  /** How many messages of each queue have been acknowledged, from the first on. */
  readonly acknowledged = new Array<number>(QUEUES).fill(0)
  #isStopped = false
  readonly #store: MessageStore

  constructor(store: MessageStore) {
    this.#store = store
  }

  stop(): void {
    this.#isStopped = true
  }

  async run(): Promise<void> {
    while (!this.#isStopped) {
      const puts = Array.from({ length: AT_ONCE }, () => this.#put())
      await Promise.all(puts)
      await new Promise((resume) => setImmediate(resume))
    }
  }

  async #put(): Promise<void> {
    const number = this.appended++
    const queueId = number % QUEUES
    const body = bodyOf(queueId, Math.floor(number / QUEUES))
    const result = await this.#store.put({ topic: 'load', queueId, body, properties: { KEYS: `k${number}` } })
    if (result.status !== 'PUT_OK') throw new Error(`message ${number}: ${result.status}`)
    this.acknowledged[queueId] = Math.max(this.acknowledged[queueId]!, result.queueOffset + 1)
  }
}

function bodyOf(queueId: number, number: number): Buffer {
  return Buffer.from(`${queueId}/${number} `.padEnd(100 + (number % 400), 'x'))
}

export async function backUpUnderLoad({ directory, backups, every, options }: LoadOptions): Promise<LoadReport> {
  const store = await MessageStore.open(join(directory, 'store'), { flushDiskType: 'SYNC_FLUSH', ...options })
  const writer = new Writer(store)
  const writing = writer.run()
  const report: LoadReport = { appended: 0, backups: [], wrong: [] }
  try {
    for (let count = 0; count < backups; count++) {
      const started = performance.now()
      const acknowledged = [...writer.acknowledged]
      const target = join(directory, 'copies', String(count % 2))
      const { linkedBytes, copiedBytes, logEnd } = await store.backup(target)
      const milliseconds = performance.now() - started
      const { found, label } = await compare(target, { ...options, readOnly: true }, { acknowledged, logEnd }, (text) => report.wrong.push(`backup ${count}: ${text}`))
      report.backups.push({ acknowledged: sum(acknowledged), found, milliseconds, linkedBytes, copiedBytes, label })
      await new Promise((resume) => setTimeout(resume, Math.max(0, every - (performance.now() - started))))
    }
  } finally {
    writer.stop()
    await writing
    await store.close()
  }
  report.appended = writer.appended
  return report
}

/** Each acknowledged message stands at its place, and behind them only such as follow them. */
async function compare(
  target: string, options: OpenOptions, expected: { acknowledged: readonly number[]; logEnd: number }, report: (text: string) => void,
): Promise<{ found: number; label: string }> {
  const copy = await MessageStore.open(target, options)
  try {
    if (copy.maxPhyOffset !== expected.logEnd) report(`the log ends at ${copy.maxPhyOffset}, not at ${expected.logEnd}`)
    let found = 0
    for (let queueId = 0; queueId < QUEUES; queueId++) {
      const end = copy.maxOffset('load', queueId)
      if (end < expected.acknowledged[queueId]!) report(`queue ${queueId} has ${end} messages, ${expected.acknowledged[queueId]} had been acknowledged`)
      for (let offset = 0; offset < end; ) {
        const result = copy.get({ topic: 'load', queueId, offset, maxMessages: 1000 })
        for (const message of result.messages) {
          if (!message.body.equals(bodyOf(queueId, message.queueOffset))) report(`message ${message.queueOffset} of queue ${queueId} is another`)
        }
        found += result.sizes.length
        if (result.nextBeginOffset <= offset) {
          report(`queue ${queueId} ends at ${offset}: ${result.status}`)
          break
        }
        offset = result.nextBeginOffset
        result.release()
      }
    }
    return { found, label: copy.recovery.label }
  } finally {
    await copy.close()
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

async function main(backups: number, every: number): Promise<void> {
  const directory = mkdtempSync(join(process.env.MQSTORE_LOAD_DIRECTORY ?? tmpdir(), 'mqstore-load-'))
  mkdirSync(directory, { recursive: true })
  const options = { mappedFileSizeCommitLog: 16 << 20, mappedFileSizeConsumeQueue: 200_000, maxHashSlotNum: 50_000, maxIndexNum: 200_000 }
  try {
    const report = await backUpUnderLoad({ directory, backups, every, options })
    for (const { acknowledged, found, milliseconds, linkedBytes, copiedBytes, label } of report.backups) {
      process.stdout.write(`${label}: ${acknowledged} acknowledged, ${found} found, ${Math.round(milliseconds)} ms, ${linkedBytes} shared, ${copiedBytes} copied\n`)
    }
    process.stdout.write(`${report.appended} messages, ${report.wrong.length} wrong\n${report.wrong.map((text) => `${text}\n`).join('')}`)
    if (report.wrong.length > 0) process.exitCode = 1
  } finally {
    rmSync(directory, { recursive: true })
  }
}

if (require.main === module) void main(Number(process.argv[2] ?? 60), Number(process.argv[3] ?? 1000))
