import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as os from 'node:os'
import { join } from 'node:path'
import t from 'tap'

/*
 * The story: a package that works in its own checkout and not where it is installed, since a file is missing from the
 * tarball, or the types of one module system are those of the other. So everything here is done with the tarball.
 *
 * Not proved here: an installation from a registry, and other platforms than this one.
 */

const checkout = join(__dirname, '..', '..', '..')
const manifest = JSON.parse(fs.readFileSync(join(checkout, 'package.json'), 'utf8')) as { version: string }
const project = fs.realpathSync(fs.mkdtempSync(join(os.tmpdir(), 'mqstore-package-')))
const installed = join(project, 'node_modules', 'mqstore')

t.teardown(() => fs.rmSync(project, { recursive: true, force: true }))
// Compiles C++ and runs the TypeScript compiler.
t.setTimeout(300_000)

function run(command: string, words: readonly string[], directory = project): { status: number | null; output: string } {
  // tap hands its module loaders to every process that is started; what is installed has to do without them.
  const [first, ...rest] = process.platform === 'win32' ? [command] : ['env', '-u', 'NODE_OPTIONS', '-u', 'NODE_V8_COVERAGE', command]
  const { status, stdout, stderr, error } = spawnSync(first, [...rest, ...words], { cwd: directory, encoding: 'utf8' })
  return { status, output: `${stdout}${stderr}${error ?? ''}` }
}

function runTool(name: string, words: readonly string[]): { status: number | null; output: string } {
  return run(join(checkout, 'node_modules', '.bin', name), words)
}

function runScript(name: string, text: string): { status: number | null; output: string } {
  fs.writeFileSync(join(project, name), text)
  return run(process.execPath, [name])
}

/** @returns the path of the tarball, and of all files in it */
function pack(): { tarball: string; files: string[] } {
  // Without scripts: they would build dist/ anew under the other tests.
  const { status, output } = run('npm', ['pack', '--ignore-scripts', '--pack-destination', project], checkout)
  if (status !== 0) throw new Error(output)
  const tarball = join(project, `mqstore-${manifest.version}.tgz`)
  const files = run('tar', ['-tzf', tarball]).output.trim().split('\n').map((file) => file.replace(/^package\//, ''))
  return { tarball, files }
}

/** Puts the tarball's files where an installation would, and links what the package needs from the checkout. */
function install(tarball: string): void {
  fs.mkdirSync(installed, { recursive: true })
  const { status, output } = run('tar', ['-xzf', tarball, '--strip-components=1', '-C', installed])
  if (status !== 0) throw new Error(output)
  const { dependencies, optionalDependencies } = JSON.parse(fs.readFileSync(join(installed, 'package.json'), 'utf8'))
  for (const name of [...Object.keys({ ...dependencies, ...optionalDependencies }), '@types/node', 'undici-types']) {
    const source = join(checkout, 'node_modules', name)
    const target = join(project, 'node_modules', name)
    fs.mkdirSync(join(target, '..'), { recursive: true })
    if (fs.existsSync(source)) fs.symlinkSync(source, target)
  }
  fs.writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'project', private: true }))
}

const { tarball, files } = pack()
install(tarball)

t.test('the tarball has what belongs there, and nothing else', async (t) => {
  const wanted = [
    'package.json', 'README.md', 'API.md', 'CHANGELOG.md', 'LICENSE', 'NOTICE', 'docs/format.md', 'docs/recovery.md',
    'docs/operations.md', 'docs/errors.md', 'native/build.js', 'native/core/crc32.cc', 'native/napi/addon.cc',
    'dist/index.js', 'dist/index.d.ts', 'dist/esm.mjs', 'dist/esm.d.mts',
  ]
  for (const file of wanted) t.ok(files.includes(file), file)
  const folders = new Set(files.filter((file) => file.includes('/')).map((file) => file.split('/')[0]))
  t.strictSame([...folders].sort(), ['dist', 'docs', 'lib', 'native'])
  t.strictSame(files.filter((file) => /^native\/build\/|\.node$|\.tgz$|^docs\/.*\.js$/.test(file)), [])
})

t.test('every file of dist has its source', async (t) => {
  const sourceOf = (file: string): string => file.replace(/^dist/, 'lib').replace(/(\.d)?\.([cm]?)[jt]s(\.map)?$/, '.$2ts')
  t.strictSame(files.filter((file) => file.startsWith('dist/') && !files.includes(sourceOf(file))), [])
})

t.test('source maps lead to files of the package', async (t) => {
  const maps = files.filter((file) => file.endsWith('.map'))
  const broken = maps.filter((file) => {
    const { sources } = JSON.parse(fs.readFileSync(join(installed, file), 'utf8')) as { sources: string[] }
    return !sources.every((source) => fs.existsSync(join(installed, file, '..', source)))
  })
  t.strictSame(broken, [])
})

t.test('publint finds nothing', async (t) => {
  const { status, output } = runTool('publint', ['run', tarball, '--strict'])
  t.equal(status, 0, output)
})

t.test('the types are those of each module system', async (t) => {
  const { status, output } = runTool('attw', [tarball, '--no-color', '--no-emoji'])
  t.equal(status, 0, output)
})

t.test('the script of the package compiles the native backend from the tarball', { skip: process.platform === 'win32' }, async (t) => {
  const { status, output } = run(process.execPath, ['native/build.js', '--if-needed'], installed)
  t.equal(status, 0, output)
  t.ok(fs.existsSync(join(installed, 'native', 'build', 'mqstore.node')), output)
})

const putAndGet = `
async function putAndGet(MessageStore, directory) {
  const store = await MessageStore.open(directory, { flushDiskType: 'SYNC_FLUSH', mappedFileSizeCommitLog: 1 << 20 })
  const result = await store.put({ topic: 'topic', body: Buffer.from('body') })
  const [message] = store.get({ topic: 'topic', queueId: 0, offset: 0 }).messages
  await store.close()
  return result.status + ' ' + message.body
}
`

t.test('CommonJS', async (t) => {
  const { status, output } = runScript('script.cjs', `
    const { MessageStore } = require('mqstore')
    ${putAndGet}
    putAndGet(MessageStore, 'from-commonjs').then(console.log)
  `)
  t.equal(output.trim(), 'PUT_OK body')
  t.equal(status, 0)
})

t.test('ESM', async (t) => {
  const { status, output } = runScript('script.mjs', `
    import { MessageStore } from 'mqstore'
    ${putAndGet}
    console.log(await putAndGet(MessageStore, 'from-esm'))
  `)
  t.equal(output.trim(), 'PUT_OK body')
  t.equal(status, 0)
})

t.test('both module systems share one implementation', async (t) => {
  const { output } = runScript('both.mjs', `
    import { createRequire } from 'node:module'
    import * as esm from 'mqstore'
    const commonJs = createRequire(import.meta.url)('mqstore')
    const error = await esm.MessageStore.open('both', { flushDiskTyp: 'SYNC_FLUSH' }).catch((reason) => reason)
    const { default: _, 'module.exports': __, ...named } = esm
    console.log(JSON.stringify({
      code: error.code,
      isErrorOfEsm: error instanceof esm.StoreError,
      isErrorOfCommonJs: error instanceof commonJs.StoreError,
      isStoreError: commonJs.isStoreError(error),
      sameNames: String(Object.keys(named).sort()) === String(Object.keys(commonJs).sort()),
      sameValues: Object.keys(named).every((name) => named[name] === commonJs[name]),
    }))
  `)
  t.strictSame(JSON.parse(output), {
    code: 'ERR_UNKNOWN_OPTION', isErrorOfEsm: true, isErrorOfCommonJs: true, isStoreError: true, sameNames: true, sameValues: true,
  })
})

t.test('the examples of the README run', async (t) => {
  const readme = fs.readFileSync(join(installed, 'README.md'), 'utf8')
  const examples = [...readme.matchAll(/^```js\n(.*?)^```$/gms)].map(([, text]) => text!).filter((text) => text.startsWith('import'))
  t.equal(examples.length, 2)
  const [first, second] = examples.map((text, index) => runScript(`example-${index}.mjs`, text))
  t.equal(first!.output.trim(), 'PUT_OK 0\n0 one apple')
  t.strictSame(second!.output.trim().split('\n'), ['FOUND 4 1', 'AbortError', 'two pears', 'orders', '0'])
})

const consumer = `
import { MessageStore, StoreError, errorCodes, isStoreError } from 'mqstore'
import type { ErrorCode, GetResult, Message, OpenOptions, PutResult, RecoveryReport, StoreEvents, StoredMessage } from 'mqstore'

const options: OpenOptions = { flushDiskType: 'SYNC_FLUSH', compatibility: '4.9' }
// @ts-expect-error there is no such value
const wrong: OpenOptions = { flushDiskType: 'SYNC' }

export async function use(message: Message): Promise<StoredMessage | undefined> {
  const store = await MessageStore.open('store', options)
  store.on('recovered', (report: RecoveryReport) => report.label).on('failed', (event: StoreEvents['failed']) => event.error.code)
  const result: PutResult = await store.put(message)
  const found: GetResult = store.get({ topic: message.topic, queueId: 0, offset: result.queueOffset })
  for await (const next of store.read({ topic: 'topic', queueId: 0, offset: 0 })) return next
  return found.messages[0]
}

export function codeOf(error: unknown): ErrorCode | undefined {
  if (error instanceof StoreError) return error.code
  return isStoreError(error) ? error.code : errorCodes.find((code) => code === wrong.storePathRootDir)
}
`

t.test('TypeScript in both module systems, without the checks of the library being skipped', async (t) => {
  fs.writeFileSync(join(project, 'consumer.mts'), consumer)
  fs.writeFileSync(join(project, 'consumer.cts'), consumer)
  const words = ['--module', 'node16', '--target', 'es2022', '--strict', '--noEmit', '--types', 'node']
  const { status, output } = runTool('tsc', [...words, 'consumer.mts', 'consumer.cts'])
  t.equal(status, 0, output)
})

const commandLine = join(installed, 'dist', 'cli', 'main.js')
const noCommandLine = fs.existsSync(commandLine) ? false : 'lib/cli is not there yet'

t.test('the command tells its version', { skip: noCommandLine }, async (t) => {
  t.match(fs.readFileSync(commandLine, 'utf8'), /^#!\/usr\/bin\/env node\n/)
  const { status, output } = run(process.execPath, [commandLine, '--version'])
  t.match(output, manifest.version)
  t.equal(status, 0)
})
