import { errorCodes, isStoreError } from '../../lib/index'
import { endsBusily } from './within'

/** Milliseconds without a call of the system, after which what a store is asked to do hangs. */
const SILENCE_MAX = 5000
/** Milliseconds after which it does in any case. */
const PATIENCE = 60_000
/** Steps that are told when something went wrong. */
const STEPS_TOLD = 25

/** What happened to a store in its life, the last of it word for word, and what of it should not have. */
export class SoakStory {
  readonly wrong: string[] = []
  readonly figures: Record<string, number> = {}
  readonly #began = performance.now()
  #steps: string[] = []
  #count = 0

  tell(step: string): void {
    this.#steps.push(`${(performance.now() - this.#began).toFixed(0)} ms, step ${++this.#count}: ${step}`)
    if (this.#steps.length > STEPS_TOLD) this.#steps.shift()
  }

  add(figure: string, value = 1): void {
    this.figures[figure] = (this.figures[figure] ?? 0) + value
  }

  /** The first wrong thing counts: what comes behind it follows from it as often as not. */
  accuse(...lines: readonly string[]): void {
    for (const line of lines) this.tell(`WRONG: ${line}`)
    this.wrong.push(...lines)
  }

  /** Waits for a step as long as one may; gives undefined where it hangs. @param backend its calls show that it works */
  async inTime<Result>(name: string, work: Promise<Result>, backend: { readonly calls: number }): Promise<Result | undefined> {
    if (await endsBusily(work, () => backend.calls, SILENCE_MAX, PATIENCE)) return work
    this.accuse(`${name} hangs: it has not ended after ${PATIENCE} ms, or called nothing for ${SILENCE_MAX} ms`)
    return undefined
  }

  /** An error has a type, and a reason: that something was made to fail, or the store to close. */
  judge(name: string, error: unknown, excuse: string | undefined): void {
    this.add('typed errors')
    if (!isStoreError(error)) this.accuse(`${name} ends with an error of no type: ${(error as Error).stack}`)
    else if (!errorCodes.includes(error.code)) this.accuse(`${name} ends with the unknown code ${error.code}`)
    else if (excuse === undefined) this.accuse(`${name} fails, and nothing else has: ${error.stack}`)
  }

  toString(): string {
    return `${this.wrong.slice(0, 5).join('\n  ')}\n  what happened last:\n    ${this.#steps.join('\n    ')}`
  }
}
