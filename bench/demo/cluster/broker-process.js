import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const script = fileURLToPath(new URL('broker.js', import.meta.url))

/** The parent's end of a broker: its process, which can be killed and started again, and what that has said so far. */
export class BrokerProcess {
  /** What was acknowledged by any of its processes: number and commit log offset of each message. */
  acknowledged = []
  /** The last that was heard of it; undefined while it does not run. */
  status
  address
  /** How far behind the master has seen its slave at most. */
  largestLag = { bytes: 0, milliseconds: 0 }
  #child
  #calls = new Map()
  #callNumber = 0
  #isExpectedToEnd = false
  #end

  constructor(name, directory) {
    this.name = name
    this.directory = directory
    process.prependListener('exit', () => this.#child?.kill('SIGKILL'))
  }

  /** Starts a process and opens the store in it. @returns what `open` of broker.js does */
  async start(options) {
    const child = fork(script, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    const errors = []
    child.stderr.on('data', (text) => errors.push(text))
    child.on('message', (message) => this.#receive(message))
    // What it said before its death still comes in after it: `disconnect` is behind the last message.
    this.#end = Promise.all([once(child, 'exit'), once(child, 'disconnect')]).then(([[, signal]]) => this.#ended(signal, errors))
    this.#end.catch(() => undefined)
    this.#child = child
    this.#isExpectedToEnd = false
    const opened = await this.call('open', { directory: this.directory, options })
    this.address = opened.address
    return opened
  }

  /** @param method of broker.js */
  async call(method, argument) {
    if (this.#child === undefined) {
      await this.#end
      throw new Error(`${this.name} does not run`)
    }
    const id = this.#callNumber++
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject })
      this.#child.send({ id, method, argument })
    })
  }

  /** As a crash of the process does it: it is not asked, and closes nothing. @returns whether that was what ended it */
  async kill() {
    this.#isExpectedToEnd = true
    this.#child.kill('SIGKILL')
    return (await this.#end) === 'SIGKILL'
  }

  async close() {
    const closed = await this.call('close')
    this.#isExpectedToEnd = true
    this.#child.disconnect()
    await this.#end
    return closed
  }

  #receive({ id, result, error, acknowledged, status }) {
    if (acknowledged !== undefined) this.acknowledged.push(...acknowledged)
    if (status !== undefined) this.#note(status)
    const call = this.#calls.get(id)
    this.#calls.delete(id)
    if (error === undefined) call?.resolve(result)
    else call?.reject(new Error(`${this.name}: ${error}`))
  }

  #note(status) {
    this.status = status
    for (const { lagBytes, lagMilliseconds } of status.replicas) {
      this.largestLag.bytes = Math.max(this.largestLag.bytes, lagBytes)
      this.largestLag.milliseconds = Math.max(this.largestLag.milliseconds, lagMilliseconds)
    }
  }

  #ended(signal, errors) {
    this.status = undefined
    this.#child = undefined
    const error = new Error(`the process of ${this.name} has ended by itself:\n${Buffer.concat(errors)}`)
    for (const { reject } of this.#calls.values()) reject(error)
    this.#calls.clear()
    if (!this.#isExpectedToEnd) throw error
    return signal
  }
}
