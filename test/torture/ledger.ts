import type { PutResult } from '../../lib/index'

/** Where an acknowledged message said it is. */
export interface Place {
  queueOffset: number
  /** In the commit log. */
  offset: number
}

/** What was asked of a store and what it answered: the truth that is still there after it has died. */
export class Ledger {
  /** Messages [0, sent) may be in the store. */
  sent = 0
  /** By number; these have to be. */
  readonly acknowledged = new Map<number, Place>()

  /** An open has found these missing: they must not come back. */
  gone: ReadonlySet<number> = new Set()

  constructor(readonly seed: number) {}

  acknowledge(number: number, { queueOffset, offset }: Pick<PutResult, 'queueOffset' | 'offset'>): void {
    this.acknowledged.set(number, { queueOffset, offset })
  }

  /** What is known by now, for a copy of the store that goes its own way. */
  copy(): Ledger {
    const copy = new Ledger(this.seed)
    copy.sent = this.sent
    copy.gone = this.gone
    for (const [number, place] of this.acknowledged) copy.acknowledge(number, place)
    return copy
  }
}
