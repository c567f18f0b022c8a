import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const script = fileURLToPath(new URL('slave.js', import.meta.url))

/** The process in which the slaves of a round are, one after the other. */
export class SlaveProcess {
  #child = fork(script)
  #ended = once(this.#child, 'exit').then(() => Promise.reject(new Error('the process of the slave has ended')))

  constructor() {
    this.#ended.catch(() => undefined)
  }

  /** @param method of slave.js */
  async call(method, argument = {}) {
    this.#child.send({ method, argument })
    const [{ result, error }] = await Promise.race([once(this.#child, 'message'), this.#ended])
    if (error !== undefined) throw new Error(error)
    return result
  }

  end() {
    this.#child.disconnect()
  }
}
