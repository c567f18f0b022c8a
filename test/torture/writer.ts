/**
 * A process of its own that writes to stores, to be killed or to have its disk taken away. It takes jobs, lines of
 * JSON, on its input, and says on its output what became of them, a line each:
 *
 *   ready            it waits for a job
 *   open             the store of the job is open
 *   sent N           message N is about to be put; from here on it may be in the store
 *   ack N Q O        message N is acknowledged, at queue offset Q and commit log offset O
 *   error TEXT       something ended with an error, as JSON
 *   closed           the store is closed
 *   done             the job is over
 *
 * An acknowledgement is written before anything else happens, so that what was read here has been promised.
 */
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { MessageStore, isStoreError, type OpenOptions, type PutResult } from '../../lib/index'
import { makeMessage } from './messages'

/** What the writer is to do. */
export interface WriterJob {
  directory: string
  options: OpenOptions
  seed: number
  /** Number of the first message. */
  from: number
  /** Messages between an open and the close behind it. */
  perRound: number
  /** Times that the store is opened, written to and closed. */
  rounds: number
  /** Puts that wait at the same time. */
  inFlight: number
  /**
   * When an acknowledgement is reported: as it comes (`put`); without waiting, as `append` returns; or, where only a flush
   * makes it durable, behind one (`flush`).
   */
  reports: 'put' | 'append' | 'flush'
}

/** Turns without a wait after which others get a chance. */
const TURNS_WITHOUT_PAUSE = 4
/** Messages between two flushes that are asked for. */
const FLUSH_EVERY = 12

function say(line: string): void {
  for (let rest = Buffer.from(`${line}\n`); rest.length > 0; ) rest = rest.subarray(writeSync(1, rest))
}

function sayError(error: unknown): void {
  const { code, message, stack } = error as { code?: string } & Error
  say(`error ${JSON.stringify(isStoreError(error) ? { code, message } : { message: `not a StoreError: ${stack}` })}`)
}

async function perform(job: WriterJob): Promise<void> {
  let next = job.from
  for (let round = 0; round < job.rounds; round++) {
    const store = await MessageStore.open(job.directory, job.options)
    say('open')
    try {
      next = await fill(store, job, next)
    } finally {
      // Whatever has happened, nothing stays open.
      await store.close()
    }
    say('closed')
  }
}

/** @returns the number of the next message */
async function fill(store: MessageStore, job: WriterJob, from: number): Promise<number> {
  const end = from + job.perRound
  let next = from
  let unreported: { number: number; result: PutResult }[] = []
  const report = ({ number, result }: { number: number; result: PutResult }): void => {
    if (result.status === 'PUT_OK') say(`ack ${number} ${result.queueOffset} ${result.offset}`)
  }
  const flush = async (): Promise<void> => {
    const waiting = unreported
    unreported = []
    await store.flush()
    waiting.forEach(report)
  }
  const lane = async (): Promise<void> => {
    while (next < end) {
      const number = next++
      say(`sent ${number}`)
      const message = makeMessage(job.seed, number)
      const result = job.reports === 'append' ? store.append(message) : await store.put(message)
      if (job.reports === 'flush') unreported.push({ number, result })
      else report({ number, result })
      if (job.reports === 'flush' && unreported.length >= FLUSH_EVERY) await flush()
      else if (number % TURNS_WITHOUT_PAUSE === 0) await new Promise((resume) => setImmediate(resume))
    }
  }
  const lanes = await Promise.allSettled(Array.from({ length: job.inFlight }, lane))
  const failed = lanes.find((outcome) => outcome.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  await flush()
  return next
}

async function main(): Promise<void> {
  say('ready')
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      await perform(JSON.parse(line) as WriterJob)
    } catch (error) {
      sayError(error)
    }
    say('done')
  }
}

void main()
