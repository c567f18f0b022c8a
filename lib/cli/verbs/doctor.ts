import { resolve } from 'node:path'
import { checks, severities, type Diagnosis, type Severity } from '../doctor/checks'
import { readDoctorFacts } from '../doctor/facts'
import { ExitCode } from '../exit-code'
import type { Paint, Painter } from '../screen'
import { countOf } from '../units'
import type { Verb } from '../verb'

export const doctor: Verb = {
  name: 'doctor',
  operands: '[DIR]',
  summary:
    'Looks at what a store stands on, and says what will bite and the line that fixes it: Node.js and backend, limits, options, ' +
    'permissions, file system, room, lock, clock and file times. To try the file system it makes files beside DIR, and removes them.',
  options: [
    { name: 'no-trial', description: 'makes no files, and so does not try the file system' },
    { name: 'json', description: 'prints one JSON object' },
  ],
  example: 'mqstore doctor /data/store -c broker.properties',
  exits: 'Exit code 1: there are warnings. 4: there are errors, which keep a store from working.',
  async run({ output, terminal: { machine, catchInterrupt }, arguments: given, openOptions }) {
    const [directory] = given.positionals
    const facts = await readDoctorFacts({ directory, openOptions, machine, probes: !given.has('no-trial'), catchInterrupt })
    const found = checks.flatMap(({ name, look }) => look(facts).map((diagnosis) => ({ name, ...diagnosis })))
    if (given.has('json')) await output.json({ directory: directory === undefined ? null : resolve(directory), ...countsOf(found), found: found.map(asJson) })
    else for (const line of describe(found, output.paint)) await output.line(line)
    return exitCodeFor(worstOf(found))
  },
}

export type Named = Diagnosis & { name: string }

const paints: Partial<Record<Severity, Paint>> = { fine: 'green', warning: 'yellow', error: 'red' }

/** The worst first, each with its fix below. */
export function describe(found: readonly Named[], paint: Painter): string[] {
  const width = Math.max(...severities.map(({ length }) => length))
  const nameWidth = Math.max(...found.map(({ name }) => name.length))
  const sorted = [...found].sort((left, right) => severities.indexOf(right.severity) - severities.indexOf(left.severity))
  const { errors, warnings } = countsOf(found)
  const lines = sorted.flatMap(({ severity, name, text, fix }) => {
    const label = severity.padEnd(width)
    const colour = paints[severity]
    const head = `${colour === undefined ? label : paint(colour, label)}  ${name.padEnd(nameWidth)}  ${text}`
    return fix === undefined ? [head] : [head, `${' '.repeat(width + 2)}${'fix:'.padStart(nameWidth)}  ${paint('bold', fix)}`]
  })
  return [...lines, '', `${countOf(errors, 'error')}, ${countOf(warnings, 'warning')}`]
}

function asJson({ name, severity, text, fix }: Named): object {
  return { check: name, severity, text, fix: fix ?? null }
}

function countsOf(found: readonly Diagnosis[]): { errors: number; warnings: number; notes: number } {
  const count = (wanted: Severity): number => found.filter(({ severity }) => severity === wanted).length
  return { errors: count('error'), warnings: count('warning'), notes: count('note') }
}

function worstOf(found: readonly Diagnosis[]): Severity {
  return found.reduce<Severity>((worst, { severity }) => (severities.indexOf(severity) > severities.indexOf(worst) ? severity : worst), 'fine')
}

function exitCodeFor(severity: Severity): ExitCode {
  if (severity === 'error') return ExitCode.failed
  return severity === 'warning' ? ExitCode.findings : ExitCode.fine
}
