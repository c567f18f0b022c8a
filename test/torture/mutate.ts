/**
 * Loaded before anything else (`node --require`), plants the bug that MQSTORE_MUTANT names: the compiled module is changed as
 * it is read, so that nothing is built again and the library itself knows nothing of it.
 */
import Module from 'node:module'
import { join } from 'node:path'
import { mutants } from './mutants'

interface CompilingModule {
  _compile(content: string, filename: string): unknown
}

const name = process.env['MQSTORE_MUTANT']
if (name !== undefined && name !== '') plant(name)

function plant(wanted: string): void {
  const mutant = mutants.find((candidate) => candidate.name === wanted)
  if (mutant === undefined) throw new Error(`there is no mutant ${wanted}`)
  const file = join(__dirname, '..', '..', 'lib', mutant.file)
  const prototype = Module.prototype as unknown as CompilingModule
  const compile = prototype._compile
  prototype._compile = function (this: unknown, content, filename) {
    return compile.call(this, filename === file ? change(content, mutant) : content, filename)
  }
}

function change(content: string, { name: mutant, file, from, to }: { name: string; file: string; from: string; to: string }): string {
  const parts = content.split(from)
  if (parts.length !== 2) {
    // Not an exception, which whoever requires the module could catch: a mutant that plants nothing must not pass for one that is killed.
    process.stderr.write(`the mutant ${mutant} does not fit ${file}: ${JSON.stringify(from)} is there ${parts.length - 1} times\n`)
    process.exit(MUTANT_DOES_NOT_FIT)
  }
  return parts.join(to)
}

export const MUTANT_DOES_NOT_FIT = 99
