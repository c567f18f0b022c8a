#!/usr/bin/env node
import { systemMachine } from './machine'
import { run } from './run'

async function main(): Promise<void> {
  const { stdin, stdout, stderr } = process
  process.exitCode = await run(process.argv.slice(2), { stdin, stdout, stderr, environment: process.env, machine: systemMachine, catchInterrupt })
  // An input that nobody reads any more must not keep the process.
  stdin.destroy()
}

function catchInterrupt(): AbortSignal {
  const interrupt = new AbortController()
  // Once each: a second signal ends the process as if nobody listened.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupt.abort())
  return interrupt.signal
}

void main()
