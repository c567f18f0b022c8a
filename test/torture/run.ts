/**
 * The torture: hurts stores in every way the layers know, and holds them to what they promise.
 *
 *   npm run torture -- [--seed S] [--full] [--only LAYER]... [--from N] [--cases N] [--case N]
 *                          [--first-failure] [--json]
 *
 * A long run can be cut into parts: `--from N --cases M` runs the cases [N, N + M) of the run with that seed.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Layer, LayerContext } from './layer'
import { layers } from './layers'

/** Failures of one layer after which more would say nothing new. */
const FAILURES_MAX = 10
/** Milliseconds between two lines of progress. */
const PROGRESS_EVERY = 1000

interface Outcome {
  layer: string
  skipped?: string
  cases: number
  failures: { case: number; message: string; replay: string }[]
  figures: Record<string, number>
  seconds: number
}

interface RunOptions {
  seed: number
  isFull: boolean
  /** Number of the first case. */
  from: number
  /** How many from there; undefined for all that a layer has. */
  cases: number | undefined
  /** Failures of one layer after which it ends. */
  failuresMax: number
  interrupted(): boolean
}

async function runLayer(layer: Layer, options: RunOptions): Promise<Outcome> {
  const lacking = layer.lacks()
  const outcome: Outcome = { layer: layer.name, cases: 0, failures: [], figures: {}, seconds: 0 }
  if (lacking !== undefined) return { ...outcome, skipped: lacking }
  const count = options.cases ?? (options.isFull ? layer.cases.full : layer.cases.ci) - options.from
  const began = performance.now()
  const progress = new Progress(layer.name, count)
  const directory = mkdtempSync(join(tmpdir(), `mqstore-torture-${layer.name}-`))
  const context: LayerContext = {
    seed: options.seed,
    first: options.from,
    count,
    directory,
    done(cases = 1) {
      outcome.cases += cases
      progress.show(outcome.cases)
    },
    add(figure, value) {
      outcome.figures[figure] = (outcome.figures[figure] ?? 0) + value
    },
    fail(index, message) {
      const replay = `npm run torture -- --seed ${options.seed} --only ${layer.name} --case ${index}`
      outcome.failures.push({ case: index, message, replay })
      process.stderr.write(`${layer.name} case ${index}: ${message}\n  again: ${replay}\n`)
    },
    get isOver() {
      return options.interrupted() || outcome.failures.length >= options.failuresMax
    },
  }
  try {
    await layer.run(context)
  } catch (error) {
    outcome.failures.push({ case: -1, message: `the layer itself failed: ${(error as Error).stack}`, replay: '' })
    process.stderr.write(`${outcome.failures.at(-1)!.message}\n`)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
  progress.end()
  if (outcome.cases + outcome.failures.length === 0) outcome.failures.push({ case: -1, message: 'the layer ran no case at all', replay: '' })
  outcome.seconds = (performance.now() - began) / 1000
  return outcome
}

/** One line that is written over, on a terminal only. */
class Progress {
  #shownAt = 0
  readonly #began = performance.now()

  constructor(
    private readonly name: string,
    private readonly count: number,
  ) {}

  show(cases: number): void {
    const now = performance.now()
    if (process.stderr.isTTY !== true || now - this.#shownAt < PROGRESS_EVERY) return
    this.#shownAt = now
    const left = ((now - this.#began) / cases) * (this.count - cases)
    process.stderr.write(`\r\x1b[K${this.name}: ${cases} of ${this.count}, ${Math.ceil(Math.max(0, left) / 1000)} s to go`)
  }

  end(): void {
    if (process.stderr.isTTY === true) process.stderr.write('\r\x1b[K')
  }
}

function describe({ layer, skipped, cases, failures, figures, seconds }: Outcome): string {
  if (skipped !== undefined) return `${layer.padEnd(16)} skipped: ${skipped}`
  const facts = Object.entries(figures).map(([name, value]) => `${value.toLocaleString('en-US')} ${name}`)
  return `${layer.padEnd(16)} ${cases.toLocaleString('en-US')} cases, ${failures.length} failed, ${seconds.toFixed(0)} s${facts.length > 0 ? `: ${facts.join(', ')}` : ''}`
}

function parseCount(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name} is a whole number, not ${text}`)
  return Number(text)
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      full: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true },
      from: { type: 'string' },
      cases: { type: 'string' },
      case: { type: 'string' },
      'first-failure': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  const unknown = values.only?.find((name) => !layers.some((layer) => layer.name === name))
  if (unknown !== undefined) throw new Error(`there is no layer ${unknown}: ${layers.map(({ name }) => name).join(', ')}`)
  let isInterrupted = false
  process.once('SIGINT', () => {
    isInterrupted = true
  })
  const onlyCase = parseCount('case', values.case)
  const options: RunOptions = {
    seed: parseCount('seed', values.seed) ?? 1,
    isFull: values.full,
    from: onlyCase ?? parseCount('from', values.from) ?? 0,
    cases: onlyCase === undefined ? parseCount('cases', values.cases) : 1,
    failuresMax: values['first-failure'] ? 1 : FAILURES_MAX,
    interrupted: () => isInterrupted,
  }
  const outcomes: Outcome[] = []
  for (const layer of layers) {
    if (isInterrupted || (values.only !== undefined && !values.only.includes(layer.name))) continue
    const outcome = await runLayer(layer, options)
    outcomes.push(outcome)
    if (!values.json) console.log(describe(outcome))
  }
  if (values.json) console.log(JSON.stringify({ seed: options.seed, outcomes }, undefined, 2))
  if (isInterrupted || outcomes.length === 0 || outcomes.some(({ failures }) => failures.length > 0)) process.exitCode = 1
}

main().catch((error: Error) => {
  console.error(error.message)
  process.exitCode = 1
})
