import { formatBytes, formatCount, formatMegabytes } from '../../table.js'
import { layoutName, pairs } from './layout.js'

const boxWidth = 30
const gap = '     '
const interval = 100

/**
 * The cluster as it stands, drawn over and over on a terminal; elsewhere a line for each thing that happens, unless it is to be quiet.
 * Both go to standard error.
 */
export class Picture {
  #brokers
  #isDrawn = process.stderr.isTTY === true
  #isQuiet
  #started = performance.now()
  #happened = ''
  #linesDrawn = 0
  #timer

  /** @param brokers {@link BrokerProcess}es by name */
  constructor(brokers, { isQuiet }) {
    this.#brokers = brokers
    this.#isQuiet = isQuiet
    if (this.#isDrawn) this.#timer = setInterval(() => this.#draw(), interval)
  }

  /** Something has happened. */
  say(text) {
    this.#happened = text
    if (this.#isDrawn) this.#draw()
    else if (!this.#isQuiet) process.stderr.write(`${this.#time}  ${text}${this.#lags()}\n`)
  }

  /** What is drawn now stays. */
  end() {
    clearInterval(this.#timer)
    if (this.#isDrawn) this.#draw()
    this.#isDrawn = false
    this.#isQuiet = true
  }

  get #time() {
    return `${((performance.now() - this.#started) / 1000).toFixed(1).padStart(5)} s`
  }

  #lags() {
    const lags = pairs.flatMap(({ master, slave }) => {
      const replica = this.#brokers[master].status?.replicas[0]
      return replica === undefined ? [] : [`${slave} ${describeLag(replica)}`]
    })
    return lags.length === 0 ? '' : `  (${lags.join('; ')})`
  }

  #draw() {
    const columns = pairs.map((pair) => this.#columnOf(pair))
    const lines = [
      `${layoutName}: four processes with a store each; no NameServer, but haMasterAddress`,
      `${this.#time}  ${this.#happened}`,
      '',
      ...columns[0].map((line, index) => `  ${[line, columns[1][index]].join(gap)}`),
    ]
    const up = this.#linesDrawn > 0 ? `\u001b[${this.#linesDrawn}A` : ''
    // A line that is broken by the terminal would be two of them the next time.
    const width = process.stderr.columns - 1
    process.stderr.write(`${up}${lines.map((line) => `\u001b[2K${line.slice(0, width)}\n`).join('')}`)
    this.#linesDrawn = lines.length
  }

  #columnOf({ master, slave }) {
    const masterBroker = this.#brokers[master]
    const slaveBroker = this.#brokers[slave]
    const replica = masterBroker.status?.replicas[0]
    return [
      ...boxOf(masterBroker, `${formatCount(masterBroker.acknowledged.length)} acknowledged`, '┬'),
      center(replica === undefined ? '╎' : '│'),
      center(replica === undefined ? 'not connected' : describeLag(replica)),
      center(replica === undefined ? '╎' : '▼'),
      ...boxOf(slaveBroker, slaveBroker.status?.master?.isConnected ? 'connected' : 'waits for its master', '─'),
    ]
  }
}

function boxOf({ name, status, address }, line, joint) {
  const role = status === undefined ? 'down' : status.role
  const port = address === undefined ? '' : `:${address.split(':').at(-1)}`
  const inner = boxWidth - 4
  const texts = [
    role.padEnd(inner - port.length) + port,
    status === undefined ? '' : line,
    status === undefined ? '' : `log ${formatMegabytes(status.maxPhyOffset)}`,
  ]
  return [
    `╭ ${name} ${'─'.repeat(boxWidth - 4 - name.length)}╮`,
    ...texts.map((text) => `│ ${text.padEnd(inner)} │`),
    bottom(joint),
  ]
}

function bottom(joint) {
  const left = Math.floor((boxWidth - 3) / 2)
  return `╰${'─'.repeat(left)}${joint}${'─'.repeat(boxWidth - 3 - left)}╯`
}

function center(text) {
  const left = Math.max(0, Math.floor((boxWidth - 3) / 2) + 1 - Math.floor(text.length / 2))
  return (' '.repeat(left) + text).padEnd(boxWidth)
}

function describeLag({ lagBytes, lagMilliseconds, isInSync }) {
  const lag = lagBytes === 0 ? 'has everything' : `${formatBytes(lagBytes)}, ${lagMilliseconds} ms behind`
  return isInSync ? lag : `${lag}, not in sync`
}
