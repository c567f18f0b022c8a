import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isStoreError } from '../errors'
import { packageDirectory } from '../storage/backend'
import type { RecoveryProgress } from '../types'
import { parseArguments } from './arguments'
import { commonOptions, readOpenOptions } from './common-options'
import { ExitCode, UsageError, exitCodeOf } from './exit-code'
import { Output, OutputClosed } from './output'
import type { Terminal } from './terminal'
import { assertOperands, helpOf, helpOfAll, unknownVerb } from './usage'
import type { Verb } from './verb'
import { append } from './verbs/append'
import { backup } from './verbs/backup'
import { bench } from './verbs/bench'
import { check } from './verbs/check'
import { doctor } from './verbs/doctor'
import { dump } from './verbs/dump'
import { get } from './verbs/get'
import { info } from './verbs/info'
import { lookup } from './verbs/lookup'
import { offsetByTime } from './verbs/offset-by-time'
import { query } from './verbs/query'
import { rebuild } from './verbs/rebuild'
import { repair } from './verbs/repair'
import { retention } from './verbs/retention'
import { stats } from './verbs/stats'
import { tail } from './verbs/tail'

const verbs: readonly Verb[] = [info, dump, append, get, query, lookup, offsetByTime, tail, stats, retention, doctor, backup, check, repair, rebuild, bench]

/** Runs one command. Never throws: what goes wrong is said on stderr, and in the exit code. */
export async function run(words: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const output = new Output(terminal)
  let exitCode: ExitCode
  try {
    exitCode = await runVerb(words, terminal, output)
    await output.flush()
  } catch (error) {
    exitCode = report(error, output)
  }
  await output.end().catch(() => undefined)
  return exitCode
}

async function runVerb([name, ...words]: readonly string[], terminal: Terminal, output: Output): Promise<ExitCode> {
  if (name === undefined) throw new UsageError(`a verb is missing\n\n${helpOfAll(verbs)}`)
  if (['--help', '-h', 'help'].includes(name)) return say(output, helpOfAll(verbs))
  if (['--version', '-v'].includes(name)) return say(output, readVersion())
  const verb = verbs.find((candidate) => candidate.name === name)
  if (verb === undefined) throw unknownVerb(name, verbs)
  const given = parseArguments(words, [...verb.options, ...commonOptions])
  if (given.has('help')) return say(output, helpOf(verb))
  assertOperands(verb, given.positionals)
  const openOptions = { ...readOpenOptions(given), recovery: { onProgress: (progress: RecoveryProgress) => output.progress(progress) } }
  return verb.run({ terminal, output, arguments: given, openOptions })
}

async function say(output: Output, text: string): Promise<ExitCode> {
  await output.line(text)
  return ExitCode.fine
}

function readVersion(): string {
  const { version } = JSON.parse(readFileSync(join(packageDirectory(), 'package.json'), 'utf8')) as { version: string }
  return version
}

function report(error: unknown, output: Output): ExitCode {
  if (error instanceof OutputClosed) return ExitCode.fine
  const { message } = error as Error
  output.message(`mqstore: ${isStoreError(error) ? `${error.code}: ${message}` : message}`)
  return exitCodeOf(error)
}
